/**
 * The sockets of a container's resolver, at ports that the kernel chooses: port 53 of 127.0.0.11 is diverted
 * to them, and stays free for a name server of the container's own. They stay in the network namespace in
 * which they were made.
 */
import { isFailure } from '#base/errors/failure.ts';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { divertPort } from '#kernel/nftables/port-diversion.ts';
import { protocolNumbers } from '../port-specification.ts';

export const resolverAddress = '127.0.0.11';
const wellKnownPort = 53;
const table = 'dhow_names';
/** As many questions as may come while the engine does something else. */
const receiveBuffer = 4 << 20;

/** Bound sockets; whoever gets the descriptors closes them. */
export interface ResolverSockets {
  readonly datagrams: number;
  readonly connections: number;
}

/** Called inside the container's namespace, whose loopback is up. @throws kernel.syscall_failed, `EADDRINUSE` when the port cannot be diverted and a program of the container has it */
export function openResolverSockets(): ResolverSockets {
  try {
    return openAt(0);
  } catch (error) {
    // Where the kernel cannot divert, the port itself is taken.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    return openAt(wellKnownPort);
  }
}

function openAt(port: number): ResolverSockets {
  using stack = new DisposableStack();
  // Shared: at port 53 a name server of the container's own may have it at its other addresses.
  const datagrams = stack.use(new BoundSocket('udp', resolverAddress, port, { shared: port === wellKnownPort }));
  datagrams.setReceiveBuffer(receiveBuffer);
  const connections = stack.use(new BoundSocket('tcp', resolverAddress, port));
  connections.listen();
  if (port === 0) {
    divertPort(table, {
      address: resolverAddress,
      port: wellKnownPort,
      targets: [
        { protocol: protocolNumbers.udp, port: datagrams.localPort() },
        { protocol: protocolNumbers.tcp, port: connections.localPort() },
      ],
    });
  }
  return { datagrams: datagrams.release(), connections: connections.release() };
}
