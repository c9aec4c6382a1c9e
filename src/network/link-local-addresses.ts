/** Further addresses of an endpoint, of the link alone, which nobody gives out or checks for others. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { Endpoint } from './contract.ts';
import { plainReason } from './plain-reason.ts';

/** As in Docker those of RFC 3927 and RFC 4291. */
const prefixLengths = { 4: 16, 6: 64 } as const;

/** Gives the interface its endpoint's. The caller is inside the namespace. @throws network.interface_failed */
export function addLinkLocalAddresses(inside: RouteSocket, name: string, { linkLocal = [], hostInterface }: Pick<Endpoint, 'linkLocal' | 'hostInterface'>): void {
  const index = linkLocal.length === 0 ? undefined : inside.link(name)?.index;
  if (index === undefined) return;
  const places = linkLocal.map((address) => ({ address, prefixLength: prefixLengths[address.includes(':') ? 6 : 4] }));
  try {
    for (const { address, prefixLength } of places) inside.addAddress(index, address, prefixLength);
  } catch (error) {
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    const told = hostInterface === '' ? name : hostInterface;
    const list = places.map(({ address, prefixLength }) => `${address}/${prefixLength}`).join(' ');
    throw fail('network.interface_failed', { interface: told, reason: `error setting interface "${told}" link local IPs to [${list}]: ${plainReason(error.details)}` }, error);
  }
}
