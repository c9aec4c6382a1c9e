/** Further addresses of an endpoint, of the link alone, which nobody gives out or checks for others. */
import type { InterfacePlace } from '#kernel/netlink/route-socket.ts';
import type { Endpoint } from './contract.ts';

/** As Docker has them: with the prefixes of RFC 3927 and RFC 4291. */
const prefixLengths = { 4: 16, 6: 64 } as const;

export function linkLocalPlaces({ linkLocal = [] }: Pick<Endpoint, 'linkLocal'>): InterfacePlace[] {
  return linkLocal.map((address) => ({ address, prefixLength: prefixLengths[address.includes(':') ? 6 : 4], gateway: '' }));
}
