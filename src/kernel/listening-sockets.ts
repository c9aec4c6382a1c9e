/** Sockets that another process of this machine listens on, and copies of them: what a daemon takes over from the one before it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { declare, lastErrno, syscallError } from './libc.ts';

const syscall = declare('long syscall(long number, long a, long b, long c, long d)');
// By number, as C libraries lack them; the same on every architecture.
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
const close = declare('int close(int fd)');

export type ListeningSocket =
  | { readonly kind: 'unix'; readonly descriptor: number; readonly path: string }
  | { readonly kind: 'tcp'; readonly descriptor: number; readonly port: number };

/** `__SO_ACCEPTCON` in the flags of /proc/net/unix. */
const accepting = 0x1_0000;
const TCP_LISTEN = '0A';

/** What the process listens on, with its own numbers of the descriptors; none when it is gone. */
export function listeningSocketsOf(pid: number): ListeningSocket[] {
  const paths = unixListeners(pid);
  const ports = tcpListeners(pid);
  return descriptorsOf(pid).flatMap(({ descriptor, inode }): ListeningSocket[] => {
    const path = paths.get(inode);
    if (path !== undefined) return [{ kind: 'unix', descriptor, path }];
    const port = ports.get(inode);
    return port === undefined ? [] : [{ kind: 'tcp', descriptor, port }];
  });
}

/** A descriptor of this process for what the other one has open, pidfd_getfd(2). @throws kernel.syscall_failed */
export function copyDescriptor(pid: number, descriptor: number): number {
  const process = Number(syscall(SYS_pidfd_open, pid, 0, 0, 0));
  if (process < 0) throw syscallError('pidfd_open', String(pid), lastErrno());
  try {
    const copy = Number(syscall(SYS_pidfd_getfd, process, descriptor, 0, 0));
    if (copy < 0) throw syscallError('pidfd_getfd', String(pid), lastErrno());
    return copy;
  } finally {
    close(process);
  }
}

function descriptorsOf(pid: number): { descriptor: number; inode: string }[] {
  return unlessGone(() => readdirSync(`/proc/${pid}/fd`), []).flatMap((name) => {
    const inode = /^socket:\[(\d+)\]$/.exec(unlessGone(() => readlinkSync(`/proc/${pid}/fd/${name}`), ''))?.[1];
    return inode === undefined ? [] : [{ descriptor: Number(name), inode }];
  });
}

/** Inode to path. */
function unixListeners(pid: number): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of unlessGone(() => readFileSync(`/proc/${pid}/net/unix`, 'utf8'), '').split('\n').slice(1)) {
    const [, , , flags = '', , , inode = '', ...path] = line.trim().split(' ').filter((field) => field !== '');
    if ((Number.parseInt(flags, 16) & accepting) !== 0 && path.length > 0) found.set(inode, path.join(' '));
  }
  return found;
}

/** Inode to port. */
function tcpListeners(pid: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of unlessGone(() => readFileSync(`/proc/${pid}/net/${table}`, 'utf8'), '').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = '0'] = line.trim().split(/\s+/);
      if (state === TCP_LISTEN && inode !== '0') found.set(inode, Number.parseInt(local.split(':').at(-1) ?? '', 16));
    }
  }
  return found;
}

/** Processes and their descriptors vanish while they are looked at. */
function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH'].includes(String(error.code))) return otherwise;
    throw error;
  }
}
