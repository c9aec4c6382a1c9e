/**
 * User namespaces (user_namespaces(7)). A process of many threads can neither make nor enter one, so that a small
 * program of the engine's does and holds it, until something else keeps it: a bind mount, or an idmapped mount.
 */
import { closeSync, readSync, writeFileSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import type { IdentityMapping, IdentityRange } from '#base/identity-mapping.ts';
import { checked, declare, describeErrno, errnoName } from './libc.ts';
import { posixSpawnDetached } from './posix-spawn.ts';
import { openSocketPair } from './socketpair.ts';

const poll = declare('int poll(void *descriptors, unsigned long count, int timeout)');
const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)');

const POLLIN = 1;
/** Milliseconds for a system call or two of another process. */
const patience = 10_000;

/** What containers' users are on the host, and the program (`dhow-shim`, an absolute path) that holds namespaces. */
export interface Remapping {
  readonly mapping: IdentityMapping;
  readonly holder: string;
}

export interface HeldNamespaces extends Disposable {
  /** Files that name the namespaces, as long as they are held. */
  readonly user: string;
  /** Owned by the user namespace. */
  readonly network: string;
}

/**
 * Makes a user namespace with its mapping, or joins the one that `join` names, and makes a network namespace in it.
 * Disposing ends the holder; a namespace that nothing else keeps goes with it. @throws kernel.syscall_failed
 */
export function holdNamespaces({ mapping, holder }: Remapping, join?: string): HeldNamespaces {
  const [ours, theirs] = openSocketPair();
  let pid: number;
  try {
    pid = posixSpawnDetached({ path: holder, parameters: ['--hold-namespaces', join ?? ''], environment: {}, descriptors: [theirs] });
  } catch (error) {
    closeSync(ours);
    throw error;
  } finally {
    closeSync(theirs);
  }
  const end = (): void => {
    closeSync(ours);
    waitpid(pid, new Int32Array(1), 0);
  };
  try {
    awaitReady(ours);
    if (join === undefined) {
      writeFileSync(`/proc/${pid}/uid_map`, mapText(mapping.uids));
      writeFileSync(`/proc/${pid}/gid_map`, mapText(mapping.gids));
    }
  } catch (error) {
    end();
    throw error;
  }
  return { user: `/proc/${pid}/ns/user`, network: `/proc/${pid}/ns/net`, [Symbol.dispose]: end };
}

/** The holder tells the number of its error, or 0. */
function awaitReady(descriptor: number): void {
  const waiting = Buffer.alloc(8);
  waiting.writeInt32LE(descriptor, 0);
  waiting.writeInt16LE(POLLIN, 4);
  const ready = checked(poll(waiting, 1, patience) as number, 'poll');
  const answer = Buffer.alloc(1);
  if (ready === 0 || readSync(descriptor, answer) !== 1) throw fail('kernel.syscall_failed', { syscall: 'unshare', path: 'user namespace', errno: 'ECANCELED', reason: 'the program that holds it gave no answer' });
  const number = answer[0] ?? 0;
  if (number !== 0) throw fail('kernel.syscall_failed', { syscall: 'unshare', path: 'user namespace', errno: errnoName(number), reason: describeErrno(number) });
}

/** The mapping as the kernel takes it. */
function mapText(ranges: readonly IdentityRange[]): string {
  return ranges.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join('');
}
