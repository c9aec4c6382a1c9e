/** How the daemon reaches registries, from its options and its environment. */
import { proxySettings } from '#registry/proxy-settings.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import type { DaemonOptions } from './options.ts';

/** Ours counts; a registry it does not know is looked for in Docker's, so that a host's set-up need not be copied. */
const certificatesDirectories = ['/etc/dhow/certs.d', '/etc/docker/certs.d'];

export function registryConfiguration(options: DaemonOptions, environment: Readonly<Record<string, string | undefined>>): RegistryConfiguration {
  return {
    insecureRegistries: options.insecureRegistries,
    certificatesDirectories,
    proxies: proxySettings({}, environment),
  };
}
