/**
 * The sockets of a container's resolver, at ports of their own: port 53 of 127.0.0.11 is diverted to them, and
 * stays free for a name server of the container's own. They stay in the network namespace in which they were made.
 */
import { createHash } from 'node:crypto';
import { isFailure } from '#base/errors/failure.ts';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { divertPort } from '#kernel/nftables/port-diversion.ts';
import { protocolNumbers } from '../port-specification.ts';

export const resolverAddress = '127.0.0.11';
const wellKnownPort = 53;
const table = 'dhow_names';
/** Ports that are nobody's (RFC 6335), as far as the kernel chooses among them. */
const firstPrivatePort = 49152;
const usualPorts = 11_800;
/** As many questions as may come while the engine does something else. */
const receiveBuffer = 4 << 20;

/** Bound sockets; whoever gets the descriptors closes them. */
export interface ResolverSockets {
  readonly datagrams: number;
  readonly connections: number;
}

/**
 * Called inside the container's namespace, whose loopback is up.
 * @throws kernel.syscall_failed, `EADDRINUSE` when the port cannot be diverted and a program of the container has it
 */
export function openResolverSockets(containerId: string): ResolverSockets {
  // Last of all, where the kernel cannot divert: the port itself.
  for (const port of [usualPort(containerId), 0]) {
    try {
      return openAt(port);
    } catch (error) {
      if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    }
  }
  return openAt(wellKnownPort);
}

/**
 * Where the next daemon finds the port free, too: the kernel goes on diverting to the port that was, as long as a
 * program asks from one port of its own.
 */
function usualPort(containerId: string): number {
  return firstPrivatePort + (createHash('sha256').update(containerId).digest().readUInt16BE(0) % usualPorts);
}

function openAt(port: number): ResolverSockets {
  using stack = new DisposableStack();
  // Shared: at port 53 a name server of the container's own may have it at its other addresses.
  const datagrams = stack.use(new BoundSocket('udp', resolverAddress, port, { shared: port === wellKnownPort }));
  datagrams.setReceiveBuffer(receiveBuffer);
  const connections = stack.use(new BoundSocket('tcp', resolverAddress, port));
  connections.listen();
  if (port !== wellKnownPort) {
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
