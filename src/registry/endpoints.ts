/** Where a registry may be reached: its mirrors first; HTTP after HTTPS for insecure registries, which those of this machine are. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { fail } from '#base/errors/failure.ts';
import { defaultDomain } from '#oci/reference.ts';
import { readTrust } from './certificates.ts';
import type { TlsTrust } from './http-exchange.ts';
import { withoutProxy, type ProxySettings } from './proxy-settings.ts';

export interface RegistryConfiguration {
  /** Base addresses asked before Docker Hub. */
  readonly mirrors?: readonly string[] | undefined;
  /** Base addresses asked before other registries, by host with port. */
  readonly mirrorsOf?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Hosts with port, or networks as `10.0.0.0/8`, besides this machine's own. */
  readonly insecureRegistries?: readonly string[] | undefined;
  /** Each has a directory per registry with `*.crt`, `*.cert` and `*.key`; the first that knows a registry counts. */
  readonly certificatesDirectories?: readonly string[] | undefined;
  readonly proxies?: ProxySettings | undefined;
}

export interface RegistryEndpoint {
  readonly base: URL;
  readonly mirror: boolean;
  readonly trust: TlsTrust;
  readonly proxies?: ProxySettings;
}

const hub = 'https://registry-1.docker.io';
/** Another name of the Hub, by which people log in. */
const hubIndex = 'index.docker.io';
const ownNetworks = ['127.0.0.0/8', '::1/128'];

/** `mirrors` false: the registry itself only, as pushes and logins need it. @throws registry.invalid_parameter */
export async function registryEndpoints(domain: string, configuration: RegistryConfiguration, options: { mirrors?: boolean } = {}): Promise<RegistryEndpoint[]> {
  if (!URL.canParse(`https://${domain}`)) {
    const port = /:(\d+)$/.exec(domain)?.[1] ?? '';
    const scheme = /^(?:localhost|127\.|\[::1\])/.test(domain) ? 'http' : 'https';
    throw fail('registry.unreachable', { message: `Get ${JSON.stringify(`${scheme}://${domain}/v2/`)}: dial tcp: address ${port}: invalid port`, host: domain });
  }
  const isHub = domain === defaultDomain || domain === hubIndex;
  const proxies = configuration.proxies ?? withoutProxy;
  const addresses = options.mirrors === false ? [] : ((isHub ? configuration.mirrors : configuration.mirrorsOf?.[domain]) ?? []);
  const mirrors = addresses.map((mirror) => new URL(/^https?:\/\//.test(mirror) ? mirror : `https://${mirror}`));
  const asked = await Promise.all(mirrors.map(async (base) => ({ base, mirror: true, proxies, trust: await trustOf(base.host, configuration) })));
  if (isHub) return [...asked, { base: new URL(hub), mirror: false, proxies, trust: { insecure: false, ...(await readTrust([], '')) } }];
  const trust = await trustOf(domain, configuration);
  const secure = { base: new URL(`https://${domain}`), mirror: false, proxies, trust };
  return trust.insecure ? [...asked, secure, { ...secure, base: new URL(`http://${domain}`) }] : [...asked, secure];
}

/** @throws registry.invalid_parameter for certificates that are not complete */
export async function trustOf(host: string, configuration: RegistryConfiguration): Promise<TlsTrust> {
  if (await isInsecure(host, configuration.insecureRegistries ?? [])) return { insecure: true };
  return { insecure: false, ...(await readTrust(configuration.certificatesDirectories ?? [], host)) };
}

async function isInsecure(host: string, given: readonly string[]): Promise<boolean> {
  const insecure = given.map((entry) => entry.replace(/^https?:\/\//i, ''));
  if (insecure.includes(host)) return true;
  const networks = new BlockList();
  for (const network of [...ownNetworks, ...insecure]) {
    const [address = '', length = ''] = network.split('/');
    const family = isIP(address);
    if (family !== 0 && length !== '') networks.addSubnet(address, Number(length), family === 4 ? 'ipv4' : 'ipv6');
  }
  const name = new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(name) === 0 ? await addressesOf(name) : [name];
  return addresses.some((address) => networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    // The request itself will tell that there is no such host.
    return [];
  }
}
