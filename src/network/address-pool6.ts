/**
 * The addresses of one IPv6 subnet: gives out the lowest free one, as Docker does. The subnet's own address,
 * which stands for its routers (RFC 4291, 2.6.1), is never given out.
 */
import { contains6, type Subnet6 } from './ipv6-subnet.ts';

export class AddressPool6 {
  readonly subnet: Subnet6;
  readonly #taken = new Set<bigint>();
  readonly #first: bigint;
  readonly #last: bigint;
  /** No address of the range below it is free. */
  #lowest: bigint;

  /** @param range part of the subnet from which addresses are given that nobody asked for */
  constructor(subnet: Subnet6, range: Subnet6 = subnet) {
    this.subnet = subnet;
    this.#first = range.base > subnet.base ? range.base : subnet.base + 1n;
    this.#last = range.base + (1n << BigInt(128 - range.prefixLength)) - 1n;
    this.#lowest = this.#first;
  }

  /** The lowest free address, undefined when there is none. */
  take(): bigint | undefined {
    for (let address = this.#lowest; address <= this.#last; address++) {
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      this.#lowest = address + 1n;
      return address;
    }
    this.#lowest = this.#last + 1n;
    return undefined;
  }

  /** Takes this very address; false when it is taken, the subnet's own or lies outside. */
  claim(address: bigint): boolean {
    if (!contains6(this.subnet, address) || address === this.subnet.base || this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  release(address: bigint): void {
    if (!this.#taken.delete(address)) return;
    if (address >= this.#first && address < this.#lowest) this.#lowest = address;
  }
}
