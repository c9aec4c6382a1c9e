/** Parts of the configuration as `GET /info` shows them, API 1.51. */
import { isIP } from 'node:net';
import type { EngineConfiguration, OciRuntime } from '../engine-configuration.ts';

/** `RegistryConfig`: networks and hosts that are reached without asking for a certificate, and the Hub's mirrors. */
export function registryView({ insecureRegistries, registryMirrors }: EngineConfiguration): object {
  const entries = insecureRegistries.map((entry) => entry.replace(/^https?:\/\//i, ''));
  const networks = entries.filter((entry) => isIP(entry.split('/')[0] ?? '') !== 0 && entry.includes('/'));
  const hosts = entries.filter((entry) => !networks.includes(entry));
  const insecure = hosts.map((name) => [name, { Mirrors: [], Name: name, Official: false, Secure: false }]);
  return {
    IndexConfigs: { ...Object.fromEntries(insecure), 'docker.io': { Mirrors: registryMirrors, Name: 'docker.io', Official: true, Secure: true } },
    InsecureRegistryCIDRs: [...networks, '::1/128', '127.0.0.0/8'],
    Mirrors: registryMirrors.length === 0 ? null : registryMirrors,
  };
}

export function genericResourcesView({ genericResources }: EngineConfiguration): object[] | null {
  if (genericResources.length === 0) return null;
  return genericResources.map(({ kind, value }) => (typeof value === 'number'
    ? { DiscreteResourceSpec: { Kind: kind, Value: value } }
    : { NamedResourceSpec: { Kind: kind, Value: value } }));
}

export function runtimeView({ program, arguments: words }: OciRuntime): object {
  return { path: program, ...(words.length > 0 && { runtimeArgs: words }) };
}

/** A proxy's address with user and password made unreadable, as Docker masks them. */
export function withoutCredentials(address: string): string {
  return address.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1xxxxx:xxxxx@');
}
