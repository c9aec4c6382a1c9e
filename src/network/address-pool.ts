/**
 * The addresses of one subnet: gives out the lowest free one, as Docker does. Network and broadcast
 * address are never given out.
 */
import { contains, subnetSize, type Subnet } from './ipv4-subnet.ts';

export class AddressPool {
  readonly subnet: Subnet;
  readonly #taken = new Set<number>();
  readonly #edges: ReadonlySet<number>;
  readonly #first: number;
  readonly #last: number;
  /** No address of the range below it is free. */
  #lowest: number;

  /** @param range part of the subnet from which addresses are given that nobody asked for */
  constructor(subnet: Subnet, range: Subnet = subnet) {
    this.subnet = subnet;
    const size = subnetSize(subnet);
    // Two addresses or one have neither network nor broadcast address (RFC 3021).
    const edge = size > 2 ? 1 : 0;
    this.#edges = new Set(edge === 1 ? [subnet.base, subnet.base + size - 1] : []);
    this.#first = Math.max(subnet.base + edge, range.base);
    this.#last = Math.min(subnet.base + size - 1 - edge, range.base + subnetSize(range) - 1);
    this.#lowest = this.#first;
  }

  /** The lowest free address, undefined when there is none. */
  take(): number | undefined {
    for (let address = this.#lowest; address <= this.#last; address++) {
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      this.#lowest = address + 1;
      return address;
    }
    this.#lowest = this.#last + 1;
    return undefined;
  }

  /** Takes this very address; false when it is taken, has a meaning of its own or lies outside. */
  claim(address: number): boolean {
    if (!contains(this.subnet, address) || this.#edges.has(address) || this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  release(address: number): void {
    if (!this.#taken.delete(address)) return;
    if (address >= this.#first && address < this.#lowest) this.#lowest = address;
  }
}
