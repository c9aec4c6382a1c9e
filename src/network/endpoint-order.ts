/** Which endpoint of a container leads to the outside, and what the interfaces are called. Pure. */
import type { Endpoint, Sandbox } from './contract.ts';

/**
 * As in Docker the highest priority decides, then the network's name. An endpoint that leads out by both
 * families goes before all that do by one; without such, each family has its own.
 */
export function waysOut(sandbox: Pick<Sandbox, 'endpoints'>): { four: Endpoint | undefined; six: Endpoint | undefined } {
  const ordered = Object.entries(sandbox.endpoints)
    .sort(([nameA, a], [nameB, b]) => (b.gatewayPriority ?? 0) - (a.gatewayPriority ?? 0) || (nameA < nameB ? -1 : 1))
    .map(([, endpoint]) => endpoint);
  const byFour = ({ address, gateway, directRoute }: Endpoint): boolean => address !== '' && (gateway !== '' || directRoute === true);
  const bySix = ({ six, directRoute }: Endpoint): boolean => six !== undefined && (six.gateway !== '' || directRoute === true);
  const both = ordered.find((endpoint) => byFour(endpoint) && bySix(endpoint));
  return { four: both ?? ordered.find(byFour), six: both ?? ordered.find(bySix) };
}

/** The endpoint that leads to the outside, by IPv4 if any does. Undefined: there is no way out. */
export function gatewayOf(sandbox: Pick<Sandbox, 'endpoints'>): Endpoint | undefined {
  const { four, six } = waysOut(sandbox);
  return four ?? six;
}

/** Whether there is an interface in the container for it. */
export function hasInterface({ driver }: Pick<Endpoint, 'driver'>): boolean {
  return driver !== 'host' && driver !== 'null';
}

const interfaceOption = 'com.docker.network.endpoint.ifname';

/** As asked for by driver option, else the first of `eth0`, `eth1`, … that no endpoint has; `prefix` is what the network has instead of `eth`. */
export function freeInterfaceName(present: readonly Endpoint[], options: Readonly<Record<string, string>> | null | undefined, prefix = 'eth'): string {
  const asked = options?.[interfaceOption] ?? '';
  if (asked !== '') return asked;
  const taken = new Set(present.filter(hasInterface).map(({ containerInterface }) => containerInterface ?? 'eth0'));
  for (let number = 0; ; number++) if (!taken.has(`${prefix}${number}`)) return `${prefix}${number}`;
}
