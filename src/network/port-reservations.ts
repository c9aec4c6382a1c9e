/**
 * The host's side of published ports: each is held by a bound socket, so that other programs see it, and it sees
 * theirs. What the kernel does not translate is relayed from there: IPv6 to containers that have none, `::1`, and
 * connections within a network whose containers are kept apart.
 */
import { networkInterfaces } from 'node:os';
import { fail, isFailure } from '#base/errors/failure.ts';
import { BoundSocket } from '#kernel/bound-socket.ts';
import { DatagramRelay } from './datagram-relay.ts';
import type { Protocol } from './port-specification.ts';
import { RefusingListener } from './refusing-listener.ts';
import { StreamRelay } from './stream-relay.ts';

/** Whose ports they are, for the allocator and for messages. */
export interface PublishOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly endpointId: string;
  /** Of the container; empty: it has none of IPv4. */
  readonly address: string;
  /** Of IPv6; undefined: none. */
  readonly address6?: string | undefined;
  /** Families whose ports are not translated, but open at the container's own address. */
  readonly routed?: readonly (4 | 6)[];
  /** Translated ports are open at the container's own address, too. */
  readonly open?: boolean;
  /** Where ports are published that name no address; empty or undefined: everywhere. */
  readonly hostAddress?: string | undefined;
}

/** A port that was given: the addresses it is bound at. */
export interface Claim {
  readonly protocol: Protocol;
  readonly addresses: readonly string[];
  /** 0: routed. */
  readonly hostPort: number;
  readonly containerPort: number;
}

export class PortReservations {
  readonly #relays: boolean;
  readonly #translates: (family: 4 | 6) => boolean;
  readonly #warn: (message: string) => void;
  /** Sockets and relays by protocol, address and port. */
  readonly #reservations = new Map<string, DisposableStack>();

  /**
   * @param options.relays whether what the kernel does not translate is passed on; without, it is refused
   * @param options.translates whether the kernel translates the family at all
   */
  constructor(options: { readonly relays: boolean; readonly translates: (family: 4 | 6) => boolean; readonly warn: (message: string) => void }) {
    this.#relays = options.relays;
    this.#translates = options.translates;
    this.#warn = options.warn;
  }

  /** A reservation that can be given back by itself. @throws kernel.syscall_failed */
  reserve(owner: PublishOwner, claim: Claim, address: string): DisposableStack {
    const key = reservationKey(claim.protocol, address, claim.hostPort);
    // Asked for twice: as in Docker the second can be bound, but not listen.
    if (claim.protocol === 'tcp' && this.#reservations.has(key)) throw fail('kernel.syscall_failed', { syscall: 'listen', path: address, errno: 'EADDRINUSE', reason: 'address already in use' });
    using stack = new DisposableStack();
    stack.use(this.#open(owner, claim, address));
    const held = stack.move();
    this.#reservations.set(key, held);
    held.defer(() => {
      if (this.#reservations.get(key) === held) this.#reservations.delete(key);
    });
    return held;
  }

  /** Gives one reserved port back; what is not reserved is no error. */
  giveBack(protocol: Protocol, address: string, hostPort: number): void {
    this.#reservations.get(reservationKey(protocol, address, hostPort))?.dispose();
  }

  /** Reserves the port at one address and relays from there. @throws kernel.syscall_failed */
  #open(owner: PublishOwner, claim: Claim, address: string): Disposable {
    const target = { address: targetOf(owner, address), port: claim.containerPort };
    if (claim.protocol === 'udp') {
      if (!this.#relays) return new BoundSocket('udp', address, claim.hostPort);
      const sockets = bindDatagramPort(address, claim.hostPort, this.#translates(4));
      return new DatagramRelay(sockets.map((socket) => ({ fd: socket.release(), six: socket.address.includes(':') })), target, this.#warn);
    }
    if (claim.protocol === 'sctp') {
      // Associations cannot be relayed, so there is nothing behind an IPv6 address of a container without.
      if (address.includes(':') && owner.address6 === undefined) throw fail('kernel.syscall_failed', { syscall: 'listen', path: address, errno: 'EPROTONOSUPPORT', reason: 'protocol not supported' });
      return new BoundSocket('sctp', address, claim.hostPort);
    }
    using socket = new BoundSocket('tcp', address, claim.hostPort);
    socket.listen();
    return this.#relays ? new StreamRelay(socket.release(), target, this.#warn) : new RefusingListener(socket.release(), this.#warn);
  }
}

/** Where connections to an address of the host go in the container. */
export function targetOf(owner: PublishOwner, hostAddress: string): string {
  return hostAddress.includes(':') ? (owner.address6 ?? owner.address) : owner.address;
}

/**
 * The sockets of a UDP port. For every address of the host that the kernel does not translate one each,
 * beside the one for all: an answer then comes from the address that was asked.
 */
function bindDatagramPort(address: string, port: number, translates4: boolean): BoundSocket[] {
  using stack = new DisposableStack();
  // Not shared, so that it finds whoever has the port.
  const sockets = [stack.use(new BoundSocket('udp', address, port))];
  if (address === '::' || (address === '0.0.0.0' && !translates4)) {
    sockets[0]?.setShared(true);
    for (const own of hostAddresses(address === '::' ? 'IPv6' : 'IPv4')) {
      try {
        sockets.push(stack.use(new BoundSocket('udp', own, port, { shared: true })));
      } catch (error) {
        // Not usable yet or not any more; the socket for all serves it.
        if (!isFailure(error, 'kernel.syscall_failed') || error.details['errno'] !== 'EADDRNOTAVAIL') throw error;
      }
    }
    for (const socket of sockets) socket.setShared(false);
  }
  stack.move();
  return sockets;
}

function hostAddresses(family: 'IPv4' | 'IPv6'): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter((entry) => entry.family === family && (entry.scopeid ?? 0) === 0)
    .map((entry) => entry.address);
}

function reservationKey(protocol: Protocol, address: string, hostPort: number): string {
  return `${protocol} ${address} ${hostPort}`;
}
