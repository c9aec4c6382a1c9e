/** The container that `registry up` runs: its names, and what is known of it. */
import type { Client } from '#client/client.ts';
import { ApiError } from '#client/client-error.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import type { ContainerInspect } from '#schema/container-config.ts';

export const defaultContainer = 'registry';
export const storageInContainer = '/var/lib/dhow-registry';
/** Marks the container and image as ours; the values tell whether they are as they would be made now. */
export const configurationLabel = 'org.dhow.registry.configuration';
export const programLabel = 'org.dhow.registry.program';

/** Undefined when there is none. @throws CommandFailure when the name is another's */
export async function findRegistry(client: Client, name: string, signal: AbortSignal): Promise<ContainerInspect | undefined> {
  let found: ContainerInspect;
  try {
    found = await client.containers.inspect(name, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
  if (found.Config.Labels[configurationLabel] === undefined) throw new CommandFailure(`the container "${name}" is not one of "registry up": give the registry another name with --name`);
  return found;
}

/** The directory of the images on the daemon's machine. @throws CommandFailure */
export async function storageOf(client: Client, name: string, signal: AbortSignal): Promise<string> {
  const found = await findRegistry(client, name, signal);
  const mount = found?.Mounts.find(({ Destination }) => Destination === storageInContainer);
  if (mount === undefined) throw new CommandFailure(`there is no registry "${name}": start one with "dhow registry up", or name a storage with --storage`);
  return mount.Source;
}

/** `0.0.0.0:5000`; undefined when it publishes none. */
export function publishedAddress(container: ContainerInspect): string | undefined {
  const binding = Object.values(container.HostConfig.PortBindings ?? {}).flat()[0];
  if (binding === undefined || binding === null) return undefined;
  return `${binding.HostIp === undefined || binding.HostIp === '' ? '0.0.0.0' : binding.HostIp}:${binding.HostPort}`;
}
