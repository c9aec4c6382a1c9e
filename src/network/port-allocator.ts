/**
 * Which host ports this engine has given to which container, per protocol and address. Other programs'
 * ports are found when a socket is bound; this only knows our own, and searches ranges in Docker's order:
 * on from the port given last.
 */
import type { Protocol } from './port-specification.ts';

/** @param holder id of the container that has the port; @param address where it holds it */
export interface PortConflict {
  readonly holder: string;
  readonly address: string;
}

export type PortAnswer = { readonly port: number } | { readonly conflict: PortConflict } | { readonly exhausted: true };

export interface PortRange {
  /** 0 and 0: the ephemeral range. */
  readonly first: number;
  readonly last: number;
}

export class PortAllocator {
  readonly #ephemeral: PortRange;
  /** `protocol address` to ports to container id. */
  readonly #taken = new Map<string, Map<number, string>>();
  readonly #lastGiven = new Map<string, number>();

  constructor(ephemeral: PortRange) {
    this.#ephemeral = ephemeral;
  }

  /** How many ports the range has. */
  size(range: PortRange): number {
    const { first, last } = this.#resolve(range);
    return last - first + 1;
  }

  /** Takes one port that is free at all these addresses, which are concrete ones, `0.0.0.0` or `::`. */
  request(addresses: readonly string[], protocol: Protocol, range: PortRange, container: string): PortAnswer {
    const { first, last } = this.#resolve(range);
    if (first === last) {
      const conflict = this.#conflict(addresses, protocol, first);
      if (conflict !== undefined) return { conflict };
      this.claim(addresses, protocol, first, container);
      return { port: first };
    }
    const cursor = `${protocol} ${addresses[0] ?? ''} ${first}-${last}`;
    let port = this.#lastGiven.get(cursor) ?? last;
    for (let tried = first; tried <= last; tried++) {
      port = port >= last ? first : port + 1;
      if (this.#conflict(addresses, protocol, port) !== undefined) continue;
      this.claim(addresses, protocol, port, container);
      this.#lastGiven.set(cursor, port);
      return { port };
    }
    return { exhausted: true };
  }

  /** Takes the port without asking: a live container has it. */
  claim(addresses: readonly string[], protocol: Protocol, port: number, container: string): void {
    for (const address of addresses) {
      const key = `${protocol} ${address}`;
      const ports = this.#taken.get(key) ?? new Map<number, string>();
      ports.set(port, container);
      this.#taken.set(key, ports);
    }
  }

  /** What the container does not hold any more is no error. */
  release(addresses: readonly string[], protocol: Protocol, port: number, container: string): void {
    for (const address of addresses) {
      const key = `${protocol} ${address}`;
      const ports = this.#taken.get(key);
      if (ports?.get(port) === container) ports.delete(port);
      if (ports?.size === 0) this.#taken.delete(key);
    }
  }

  #resolve(range: PortRange): PortRange {
    return range.first === 0 && range.last === 0 ? this.#ephemeral : range;
  }

  /** A port at every address stands against one at any address of its family, and the other way round. */
  #conflict(addresses: readonly string[], protocol: Protocol, port: number): PortConflict | undefined {
    for (const address of addresses) {
      const holder = this.#taken.get(`${protocol} ${address}`)?.get(port);
      if (holder !== undefined) return { holder, address };
    }
    for (const address of addresses) {
      const every = address.includes(':') ? '::' : '0.0.0.0';
      for (const [key, ports] of this.#taken) {
        const [keyProtocol, keyAddress = ''] = key.split(' ');
        const sameFamily = keyAddress.includes(':') === address.includes(':');
        if (keyProtocol !== protocol || !sameFamily || (address !== every && keyAddress !== every)) continue;
        const holder = ports.get(port);
        if (holder !== undefined) return { holder, address: keyAddress };
      }
    }
    return undefined;
  }
}
