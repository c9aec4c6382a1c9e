/** The addresses of one family of a network with one or several subnets, each with its own gateway. */
import { fail, invariant } from '#base/errors/failure.ts';
import { AddressPool } from './address-pool.ts';
import { AddressPool6 } from './address-pool6.ts';
import { contains, formatAddress, parseAddress, parseInterfaceAddress } from './ipv4-subnet.ts';
import { contains6, formatAddress6, parseAddress6, parseInterfaceAddress6 } from './ipv6-subnet.ts';
import type { NetworkRecord } from './network-record.ts';

export interface GivenAddress {
  readonly address: string;
  readonly prefixLength: number;
  /** Empty where the subnet has none. */
  readonly gateway: string;
}

/** A pool of either family, whose addresses are told in text. */
interface TextPool {
  readonly prefixLength: number;
  holds(address: string): boolean;
  take(): string | undefined;
  /** The address as the engine writes it; undefined: it cannot be had. */
  claim(address: string): string | undefined;
  release(address: string): void;
}

export class SubnetAddresses {
  readonly #pools: readonly { readonly pool: TextPool; readonly gateway: string }[];
  readonly #told: { readonly network: string; readonly id: string; readonly six: boolean };

  /** @param withGateway whether a subnet without a gateway of the user's gets one. @throws network.gateway_taken, network.auxiliary_taken */
  constructor(record: Pick<NetworkRecord, 'Name' | 'Id' | 'IPAM'>, family: 4 | 6, withGateway: boolean) {
    this.#told = { network: record.Name, id: record.Id, six: family === 6 };
    const configs = (record.IPAM.Config ?? []).filter(({ Subnet = '' }) => Subnet.includes(':') === (family === 6));
    this.#pools = configs.map(({ Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} }) => {
      const pool = family === 4 ? pool4(Subnet, IPRange) : pool6(Subnet, IPRange);
      invariant(pool !== undefined, `network ${record.Name} has the subnet ${Subnet}`);
      const gateway = Gateway !== '' ? pool.claim(Gateway) : withGateway ? (pool.take() ?? '') : '';
      if (gateway === undefined) throw fail('network.gateway_taken', { address: Gateway });
      for (const [name, address] of Object.entries(AuxiliaryAddresses)) {
        if (pool.claim(address) === undefined) throw fail('network.auxiliary_taken', { name, address });
      }
      return { pool, gateway };
    });
  }

  /** @param wanted empty: the lowest free one of the first subnet that has one. @throws network.no_address, network.address_in_use */
  take(wanted: string): GivenAddress {
    for (const { pool, gateway } of this.#pools) {
      if (wanted !== '' && !pool.holds(wanted)) continue;
      const address = wanted === '' ? pool.take() : pool.claim(wanted);
      if (address !== undefined) return { address, prefixLength: pool.prefixLength, gateway };
    }
    throw wanted === '' ? fail('network.no_address', this.#told) : fail('network.address_in_use', { address: wanted });
  }

  /** Counts the address of a live container as taken. */
  adopt(address: string): void {
    for (const { pool } of this.#pools) if (pool.holds(address)) pool.claim(address);
  }

  release(address: string): void {
    for (const { pool } of this.#pools) if (pool.holds(address)) pool.release(address);
  }
}

function pool4(subnetText: string, rangeText: string): TextPool | undefined {
  const subnet = parseInterfaceAddress(subnetText)?.subnet;
  if (subnet === undefined) return undefined;
  const pool = new AddressPool(subnet, parseInterfaceAddress(rangeText)?.subnet);
  return textPool(pool, { parse: parseAddress, format: formatAddress, holds: (address) => contains(subnet, address), prefixLength: subnet.prefixLength });
}

function pool6(subnetText: string, rangeText: string): TextPool | undefined {
  const subnet = parseInterfaceAddress6(subnetText)?.subnet;
  if (subnet === undefined) return undefined;
  const pool = new AddressPool6(subnet, parseInterfaceAddress6(rangeText)?.subnet);
  return textPool(pool, { parse: parseAddress6, format: formatAddress6, holds: (address) => contains6(subnet, address), prefixLength: subnet.prefixLength });
}

interface Notation<A> {
  readonly prefixLength: number;
  parse(text: string): A | undefined;
  format(address: A): string;
  holds(address: A): boolean;
}

function textPool<A>(pool: { take(): A | undefined; claim(address: A): boolean; release(address: A): void }, { parse, format, holds, prefixLength }: Notation<A>): TextPool {
  const parsed = <T>(text: string, otherwise: T, work: (address: A) => T): T => {
    const address = parse(text);
    return address === undefined ? otherwise : work(address);
  };
  return {
    prefixLength,
    holds: (text) => parsed(text, false, holds),
    take: () => {
      const address = pool.take();
      return address === undefined ? undefined : format(address);
    },
    claim: (text) => parsed<string | undefined>(text, undefined, (address) => (pool.claim(address) ? format(address) : undefined)),
    release: (text) => parsed(text, undefined, (address) => pool.release(address)),
  };
}
