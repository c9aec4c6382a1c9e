/** The sockets of a container's resolver. They stay in the network namespace in which they were made. */
import { BoundSocket } from '#kernel/bound-socket.ts';

export const resolverAddress = '127.0.0.11';
const port = 53;

/** Bound sockets; whoever gets the descriptors closes them. */
export interface ResolverSockets {
  readonly datagrams: number;
  readonly connections: number;
}

/** Called inside the container's namespace, whose loopback is up. @throws kernel.syscall_failed, `EADDRINUSE` when a program of the container has the port */
export function openResolverSockets(): ResolverSockets {
  using stack = new DisposableStack();
  // Shared: a name server of the container's own may then have the port at its other addresses.
  const datagrams = stack.use(new BoundSocket('udp', resolverAddress, port, { shared: true }));
  const connections = stack.use(new BoundSocket('tcp', resolverAddress, port));
  connections.listen();
  return { datagrams: datagrams.release(), connections: connections.release() };
}
