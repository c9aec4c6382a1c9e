/** Who has a port: looks through the kernel's socket tables and the processes' descriptors, for messages only. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { SocketProtocol } from './bound-socket.ts';

export interface SocketHolder {
  readonly pid: number;
  /** Path of the program; its short name when the path is not readable. */
  readonly executable: string;
}

const TCP_LISTEN = '0A';

/** The process that listens at the port (TCP) or has it bound (UDP), undefined when none can be seen. */
export async function findSocketHolder(protocol: SocketProtocol, port: number): Promise<SocketHolder | undefined> {
  if (protocol === 'sctp') return undefined;
  const inodes = new Set<string>();
  for (const table of [protocol, `${protocol}6`]) for (const inode of await socketInodes(table, port, protocol === 'tcp')) inodes.add(inode);
  if (inodes.size === 0) return undefined;
  const wanted = new Set(Array.from(inodes, (inode) => `socket:[${inode}]`));
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of await unlessGone(readdir(`/proc/${entry}/fd`), [])) {
      if (!wanted.has(await unlessGone(readlink(`/proc/${entry}/fd/${descriptor}`), ''))) continue;
      const program = await unlessGone(readlink(`/proc/${entry}/exe`), '');
      const executable = program === '' ? (await unlessGone(readFile(`/proc/${entry}/comm`, 'utf8'), '')).trim() : program;
      return { pid: Number(entry), executable };
    }
  }
  return undefined;
}

async function socketInodes(table: string, port: number, listening: boolean): Promise<string[]> {
  // The main thread's network: those of the pool need not be where the engine is.
  const text = await unlessGone(readFile(`/proc/self/net/${table}`, 'utf8'), '');
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return text.split('\n').slice(1).flatMap((line) => {
    const [, local = '', , state, , , , , , inode = '0'] = line.trim().split(/\s+/);
    return local.endsWith(suffix) && inode !== '0' && (!listening || state === TCP_LISTEN) ? [inode] : [];
  });
}

/** Processes and their descriptors vanish while they are looked at. */
async function unlessGone<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(String(error.code))) return otherwise;
    throw error;
  }
}
