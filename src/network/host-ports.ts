/** What the host offers for published ports. */
import { isFailure } from '#base/errors/failure.ts';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { readSysctl } from '#kernel/sysctl.ts';

/** The ports that the kernel gives to outgoing connections, from which random host ports are taken as in Docker. */
export function ephemeralRange(): { first: number; last: number } {
  const [first = 32768, last = 60999] = (readSysctl('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).filter((text) => text !== '').map(Number);
  return { first, last };
}

export function canListenOnIPv6(): boolean {
  try {
    using _socket = new BoundSocket('tcp', '::1', 0);
    return true;
  } catch (error) {
    if (isFailure(error, 'kernel.syscall_failed')) return false;
    throw error;
  }
}
