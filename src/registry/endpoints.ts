/** Where a registry may be reached: mirrors first for Docker Hub; HTTP after HTTPS for insecure registries, which those of this machine are. */
import { lookup } from 'node:dns/promises';
import { readdir, readFile } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { defaultDomain } from '#oci/reference.ts';
import type { TlsTrust } from './http-exchange.ts';

export interface RegistryConfiguration {
  /** Base addresses asked before Docker Hub. */
  readonly mirrors?: readonly string[];
  /** Hosts with port, or networks as `10.0.0.0/8`, besides this machine's own. */
  readonly insecureRegistries?: readonly string[];
  /** Has a directory per registry with `*.crt`, `*.cert` and `*.key`. */
  readonly certificatesDirectory?: string;
}

export interface RegistryEndpoint {
  readonly base: URL;
  readonly mirror: boolean;
  readonly trust: TlsTrust;
}

const hub = 'https://registry-1.docker.io';
const ownNetworks = ['127.0.0.0/8', '::1/128'];

export async function registryEndpoints(domain: string, configuration: RegistryConfiguration): Promise<RegistryEndpoint[]> {
  if (domain === defaultDomain) {
    const mirrors = (configuration.mirrors ?? []).map((mirror) => new URL(/^https?:\/\//.test(mirror) ? mirror : `https://${mirror}`));
    const asked = await Promise.all(mirrors.map(async (base) => ({ base, mirror: true, trust: await trustOf(base.host, configuration) })));
    return [...asked, { base: new URL(hub), mirror: false, trust: { insecure: false } }];
  }
  const trust = await trustOf(domain, configuration);
  const secure = { base: new URL(`https://${domain}`), mirror: false, trust };
  return trust.insecure ? [secure, { ...secure, base: new URL(`http://${domain}`) }] : [secure];
}

async function trustOf(host: string, configuration: RegistryConfiguration): Promise<TlsTrust> {
  if (await isInsecure(host, configuration.insecureRegistries ?? [])) return { insecure: true };
  const { certificatesDirectory } = configuration;
  if (certificatesDirectory === undefined || certificatesDirectory === '') return { insecure: false };
  return { insecure: false, ...(await readCertificates(join(certificatesDirectory, host))) };
}

async function isInsecure(host: string, insecure: readonly string[]): Promise<boolean> {
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

async function readCertificates(directory: string): Promise<Omit<TlsTrust, 'insecure'>> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
  const read = async (name: string): Promise<string> => await readFile(join(directory, name), 'utf8');
  const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
  const certificate = names.find((name) => name.endsWith('.cert'));
  const key = certificate === undefined ? undefined : names.find((name) => name === `${certificate.slice(0, -'.cert'.length)}.key`);
  return {
    ...(authorities.length === 0 ? {} : { ca: [...rootCertificates, ...authorities] }),
    ...(certificate === undefined || key === undefined ? {} : { cert: await read(certificate), key: await read(key) }),
  };
}
