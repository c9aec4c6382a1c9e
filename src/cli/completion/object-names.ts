/** Names of the daemon's objects as candidates for shell completion. */
import type { ContainerSummary } from '#schema/container-config.ts';
import type { Invocation } from '#cli/command.ts';

type Asking = Pick<Invocation, 'client' | 'arguments' | 'environment' | 'signal'>;

/** Names of containers not named yet; ids too when DOCKER_COMPLETION_SHOW_CONTAINER_IDS=yes. */
export async function completeContainers(asking: Asking, options: { all: boolean; only?: (container: ContainerSummary) => boolean }): Promise<string[]> {
  const showIds = asking.environment['DOCKER_COMPLETION_SHOW_CONTAINER_IDS'] === 'yes';
  const containers = await asking.client.containers.list({ all: options.all, signal: asking.signal });
  const names = containers
    .filter((container) => options.only?.(container) !== false)
    .flatMap((container) => [...(showIds ? [container.Id] : []), ...container.Names.map((name) => name.replace(/^\//, ''))]);
  return names.filter((name) => !asking.arguments.includes(name));
}

export async function completeImages(asking: Asking): Promise<string[]> {
  const images = await asking.client.images.list({ signal: asking.signal });
  return images.flatMap((image) => image.RepoTags ?? []).filter((tag) => tag !== '<none>:<none>' && !asking.arguments.includes(tag));
}

export async function completeNetworks(asking: Asking): Promise<string[]> {
  const networks = await asking.client.networks.list(undefined, asking.signal);
  return networks.map((network) => network.Name).filter((name) => !asking.arguments.includes(name));
}

export async function completeVolumes(asking: Asking): Promise<string[]> {
  const { Volumes: volumes } = await asking.client.volumes.list(undefined, asking.signal);
  return volumes.map((volume) => volume.Name).filter((name) => !asking.arguments.includes(name));
}
