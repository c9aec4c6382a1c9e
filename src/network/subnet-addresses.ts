/** The addresses of a network with one or several subnets, each with its own gateway. */
import { fail, invariant } from '#base/errors/failure.ts';
import { AddressPool } from './address-pool.ts';
import { contains, formatAddress, parseAddress, parseInterfaceAddress, type Subnet } from './ipv4-subnet.ts';
import type { NetworkRecord } from './network-record.ts';

export interface GivenAddress {
  readonly address: string;
  readonly prefixLength: number;
  /** Empty where the subnet has none. */
  readonly gateway: string;
}

export class SubnetAddresses {
  readonly #pools: readonly { readonly subnet: Subnet; readonly pool: AddressPool; readonly gateway: string }[];
  readonly #network: { readonly network: string; readonly id: string };

  /** @param withGateway whether a subnet without a gateway of the user's gets one. @throws network.gateway_taken, network.auxiliary_taken */
  constructor(record: Pick<NetworkRecord, 'Name' | 'Id' | 'IPAM'>, withGateway: boolean) {
    this.#network = { network: record.Name, id: record.Id };
    this.#pools = (record.IPAM.Config ?? []).map(({ Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} }) => {
      const subnet = parseInterfaceAddress(Subnet)?.subnet;
      invariant(subnet !== undefined, `network ${record.Name} has the subnet ${Subnet}`);
      const pool = new AddressPool(subnet, parseInterfaceAddress(IPRange)?.subnet);
      const asked = parseAddress(Gateway);
      const gateway = asked ?? (withGateway ? pool.take() : undefined);
      if (asked !== undefined && !pool.claim(asked)) throw fail('network.gateway_taken', { address: Gateway });
      for (const [name, text] of Object.entries(AuxiliaryAddresses)) {
        const address = parseAddress(text);
        if (address === undefined || !pool.claim(address)) throw fail('network.auxiliary_taken', { name, address: text });
      }
      return { subnet, pool, gateway: gateway === undefined ? '' : formatAddress(gateway) };
    });
  }

  /** @param wanted empty: the lowest free one of the first subnet that has one. @throws network.no_address, network.address_in_use */
  take(wanted: string): GivenAddress {
    const asked = parseAddress(wanted);
    for (const { subnet, pool, gateway } of this.#pools) {
      if (asked !== undefined && !contains(subnet, asked)) continue;
      const address = asked === undefined ? pool.take() : pool.claim(asked) ? asked : undefined;
      if (address !== undefined) return { address: formatAddress(address), prefixLength: subnet.prefixLength, gateway };
    }
    throw asked === undefined ? fail('network.no_address', this.#network) : fail('network.address_in_use', { address: wanted });
  }

  /** Counts the address of a live container as taken. */
  adopt(address: string): void {
    this.#of(address, (pool, number) => pool.claim(number));
  }

  release(address: string): void {
    this.#of(address, (pool, number) => pool.release(number));
  }

  #of(text: string, work: (pool: AddressPool, address: number) => void): void {
    const address = parseAddress(text);
    if (address === undefined) return;
    for (const { subnet, pool } of this.#pools) if (contains(subnet, address)) work(pool, address);
  }
}
