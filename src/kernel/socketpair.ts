/** Pairs of connected unix stream sockets, to hand one end to another process, and copies of descriptors. */
import { checked, declare } from './libc.ts';

const socketpair = declare('int socketpair(int domain, int type, int protocol, _Out_ int *ends)');

const fcntl = declare('int fcntl(int fd, int command, int argument)');

const AF_UNIX = 1;
const F_DUPFD_CLOEXEC = 1030;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** Two descriptors, non-blocking and not inherited by programs. The caller closes both. */
export function openSocketPair(): readonly [number, number] {
  const ends = new Int32Array(2);
  checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) as number, 'socketpair');
  return [ends[0] ?? -1, ends[1] ?? -1];
}

/** Another descriptor for the same thing; the caller closes it. @throws kernel.syscall_failed */
export function copyOwnDescriptor(descriptor: number): number {
  return checked(fcntl(descriptor, F_DUPFD_CLOEXEC, 3) as number, 'fcntl');
}
