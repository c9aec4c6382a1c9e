/** How the daemon reaches registries: as its configuration says at that moment. */
import type { CurrentConfiguration } from '#engine/engine-configuration.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';

/** Ours counts; a registry it does not know is looked for in Docker's, so that a host's set-up need not be copied. */
const certificatesDirectories = ['/etc/dhow/certs.d', '/etc/docker/certs.d'];

export function registryConfiguration(configuration: CurrentConfiguration): RegistryConfiguration {
  return {
    get mirrors() {
      return configuration.current.registryMirrors;
    },
    get mirrorsOf() {
      return configuration.current.mirrorsOf;
    },
    get insecureRegistries() {
      return configuration.current.insecureRegistries;
    },
    certificatesDirectories,
    get proxies() {
      return configuration.current.proxies;
    },
  };
}
