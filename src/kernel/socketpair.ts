/** Pairs of connected unix stream sockets, to hand one end to another process. */
import { checked, declare } from './libc.ts';

const socketpair = declare('int socketpair(int domain, int type, int protocol, _Out_ int *ends)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** Two descriptors, non-blocking and not inherited by programs. The caller closes both. */
export function openSocketPair(): readonly [number, number] {
  const ends = new Int32Array(2);
  checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) as number, 'socketpair');
  return [ends[0] ?? -1, ends[1] ?? -1];
}
