/** `POST /containers/create`: checks everything, then makes the container's layer and record, or nothing. */
import { mkdir, rm } from 'node:fs/promises';
import { newIdentifier, shortIdentifier } from '#base/identifier.ts';
import { fail, isFailure } from '#base/errors/failure.ts';
import { timestampNow } from '#base/timestamp.ts';
import { parsePlatform } from '#oci/platform.ts';
import type { ContainerConfig, CreateRequest, EndpointSettings, HostConfig } from '#schema/container-config.ts';
import { hostname } from 'node:os';
import { publishContainerEvent } from './container-events.ts';
import { resolveLinks } from './container-links.ts';
import { isUserDefined } from './network-attachments.ts';
import { isValidName, makeName } from './container-name.ts';
import type { ContainerRecord } from './container-record.ts';
import { createdState } from './container-state.ts';
import type { EngineConfiguration } from '../engine-configuration.ts';
import type { EngineParts } from './engine-parts.ts';
import { fillVolumes } from './fill-volumes.ts';
import { foreignPlatformWarning } from './foreign-platform.ts';
import { processOf, withImageDefaults } from './image-defaults.ts';
import { withDataRootPropagation } from './data-root-propagation.ts';
import { fulfilMounts, lookForSources, markUnnamed, readMounts } from './mount-plan.ts';
import { makeImageMounts } from './image-mounts.ts';
import { remappingFor } from './remapping.ts';
import { checkRestartPolicy } from './restart-policy.ts';
import { parseSignal } from './signal-name.ts';
import { checkOnUnhealthy } from '../health/on-unhealthy.ts';
import { checkHealthConfig } from '../health/check-health-config.ts';
import { checkLogConfig } from '../processes/log-options.ts';
import { makeWorkingDirectory } from './working-directory.ts';

export async function createContainer(
  parts: EngineParts,
  name: string,
  request: CreateRequest,
  { platform, signal }: { readonly platform: string; readonly signal: AbortSignal },
): Promise<{ Id: string; Warnings: string[] }> {
  const { HostConfig: hostRequest, NetworkingConfig, ...configRequest } = request;
  if (configRequest.WorkingDir !== '' && !configRequest.WorkingDir.startsWith('/')) {
    throw fail('container.working_directory_relative', { path: configRequest.WorkingDir });
  }
  if (configRequest.StopSignal !== undefined && !isStopSignal(configRequest.StopSignal)) throw fail('container.signal_invalid', { signal: configRequest.StopSignal });
  const nameless = (configRequest.Env ?? []).find((variable) => variable === '' || variable.startsWith('='));
  if (nameless !== undefined) throw fail('container.variable_invalid', { variable: nameless });
  checkHealthConfig(configRequest.Healthcheck);
  checkOnUnhealthy(hostRequest.OnUnhealthy, configRequest.Labels);
  checkRestartPolicy(hostRequest.RestartPolicy, hostRequest.AutoRemove);
  const { hostConfig, warnings } = parts.runtime.complete(withLogDriver(hostRequest, parts.configuration.current.log), configRequest);
  for (const mode of [hostConfig.PidMode, hostConfig.IpcMode]) if (/^container:./.test(mode) && donorOf(mode, parts) === undefined) throw fail('container.namespace_donor_missing', { reference: mode.slice('container:'.length) });
  // Without an image a container begins with nothing.
  const image = configRequest.Image === '' ? undefined : parts.images.resolve(configRequest.Image, platform === '' ? undefined : parsePlatform(platform));
  if (image !== undefined && platform === '') warnings.push(...foreignPlatformWarning(image));

  const id = newIdentifier();
  const config = withImageDefaults(nameHost(configRequest, hostConfig, id, parts), image?.config ?? {});
  const { path, args } = processOf(config);
  const networkMode = networkModeOf(hostConfig, parts);
  const endpoints = endpointsOf(NetworkingConfig.EndpointsConfig);
  const endpointSettings = config.NetworkDisabled === true ? {} : endpointSettingsOf(networkMode, endpoints, parts);
  parts.networks.validate({ networkMode: 'none', exposedPorts: Object.keys(config.ExposedPorts ?? {}), portBindings: hostConfig.PortBindings ?? {} });
  for (const [network, settings] of Object.entries(endpoints)) {
    parts.networks.validate({ networkMode: network, exposedPorts: [], portBindings: {}, endpointSettings: settings });
  }
  checkLogConfig(hostConfig.LogConfig);
  const asked = name.startsWith('/') ? name.slice(1) : name;
  if (asked !== '' && !isValidName(asked)) throw fail('container.name_invalid', { name });
  const limit = parts.snapshotter.limitOf(hostConfig.StorageOpt ?? {});
  const holder = asked === '' ? undefined : parts.registry.holderOf(asked);
  if (holder !== undefined) throw fail('container.name_in_use', { name: asked, holder });
  const links = isUserDefined(networkMode) ? [] : resolveLinks(hostConfig.Links ?? [], parts.registry);
  const wishes = readMounts(config, hostConfig, await lookForSources(hostConfig.Mounts), (reference) => lender(reference, parts)).map((wish) => withDataRootPropagation(wish, parts.paths.dataRoot));
  const finalHostConfig: HostConfig = { ...hostConfig, ...(hostConfig.Mounts !== undefined && { Mounts: markUnnamed(hostConfig.Mounts) }), NetworkMode: networkMode, PidMode: byIdentifier(hostConfig.PidMode, parts), IpcMode: byIdentifier(hostConfig.IpcMode, parts) };

  await using undo = new AsyncDisposableStack();
  const announced: string[] = [];
  undo.defer(() => parts.doomedVolumes.delete(announced));
  using claimed = parts.references.claim(id, []);
  const fulfilled = await fulfilMounts(wishes, parts.volumes, {
    claim: (volume) => claimed.add(volume),
    announce: (volume) => {
      parts.doomedVolumes.add([volume]);
      announced.push(volume);
    },
    undo,
    signal,
  });
  const remapping = remappingFor(parts, hostConfig);
  const mounts = await makeImageMounts(fulfilled, parts, { remapped: remapping !== undefined, undo });
  await parts.snapshotter.create(id, image?.topLayer, { remapped: remapping !== undefined, limit });
  undo.defer(() => parts.snapshotter.remove(id));
  const directory = parts.paths.containerDirectory(id);
  await mkdir(directory, { recursive: true, mode: remapping === undefined ? 0o710 : 0o711 });
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  if (config.WorkingDir !== '' && config.WorkingDir !== '/') await makeWorkingDirectory(parts.snapshotter, id, config.WorkingDir, remapping);
  await fillVolumes(parts, id, mounts);
  parts.registry.add({
    id,
    // Chosen at the last moment: between choosing and adding another one could take it.
    name: asked === '' ? makeName((candidate) => parts.registry.holderOf(candidate) !== undefined) : asked,
    created: timestampNow(),
    path,
    args,
    config,
    hostConfig: finalHostConfig,
    endpointSettings,
    ...(links.length > 0 && { links }),
    imageId: image?.id ?? '',
    topLayer: image?.topLayer,
    state: createdState,
    restartCount: 0,
    manuallyStopped: false,
    startedBefore: false,
    mounts,
    sandbox: undefined,
    process: undefined,
  });
  undo.move();
  parts.doomedVolumes.delete(announced);
  publishContainerEvent(parts.events, parts.registry.require(id), 'create');
  if (hostRequest.Mounts?.some(({ Type }) => Type === 'image') === true) warnings.push('Image mount is an experimental feature');
  return { Id: id, Warnings: warnings };
}

/** A container whose volumes are taken: one that is not there is a wrong setting, not a missing object. */
function lender(reference: string, parts: EngineParts): ContainerRecord {
  try {
    return parts.registry.resolve(reference);
  } catch (error) {
    if (!isFailure(error, 'container.not_found')) throw error;
    throw fail('api.invalid_parameter', { message: error.message }, error);
  }
}

/** Numbers are taken as they are, as in Docker. */
function isStopSignal(text: string): boolean {
  return /^[+-]?\d+$/.test(text) ? Number(text) !== 0 : parseSignal(text) !== undefined;
}

/** Without a driver the engine's; with the engine's driver its options too, unless the container sets them. */
function withLogDriver(hostConfig: HostConfig, standard: EngineConfiguration['log']): HostConfig {
  const { Type, Config } = hostConfig.LogConfig;
  const driver = Type === '' ? standard.driver : Type;
  return { ...hostConfig, LogConfig: { Type: driver, Config: { ...(driver === standard.driver && standard.options), ...Config } } };
}

/** The host name: as asked for, the host's own with its network or UTS namespace, another container's with its network, else the short id. */
function nameHost(config: ContainerConfig, hostConfig: HostConfig, id: string, parts: EngineParts): ContainerConfig {
  if (config.Hostname !== '') return config;
  const mode = hostConfig.NetworkMode;
  if (mode === 'host' || hostConfig.UTSMode === 'host') return { ...config, Hostname: hostname() };
  const donor = mode.startsWith('container:') ? donorOf(mode, parts) : undefined;
  if (donor !== undefined) return { ...config, Hostname: donor.config.Hostname, Domainname: donor.config.Domainname };
  return { ...config, Hostname: shortIdentifier(id) };
}

/** `default` means bridge; containers are kept by id, so that a rename does not break it. */
function networkModeOf({ NetworkMode: mode }: HostConfig, parts: EngineParts): string {
  return mode === '' || mode === 'default' ? 'bridge' : byIdentifier(mode, parts);
}

/** `container:name` with the container's id instead. */
function byIdentifier(mode: string, parts: EngineParts): string {
  const donor = /^container:./.test(mode) ? donorOf(mode, parts) : undefined;
  return donor === undefined ? mode : `container:${donor.id}`;
}

/** The container whose network is to be shared; undefined while there is none: it is asked for again at start. */
function donorOf(mode: string, parts: EngineParts): ContainerRecord | undefined {
  try {
    return parts.registry.resolve(mode.slice('container:'.length));
  } catch (error) {
    if (isFailure(error, 'container.not_found')) return undefined;
    throw error;
  }
}

/** What is asked of networks. @throws container.endpoint_missing */
function endpointsOf(asked: CreateRequest['NetworkingConfig']['EndpointsConfig']): Record<string, Partial<EndpointSettings>> {
  return Object.fromEntries(Object.entries(asked ?? {}).map(([network, settings]) => {
    if (settings === null) throw fail('container.endpoint_missing', { network });
    return [network, settings];
  }));
}

/** By the networks' names: those that are asked for; where there are none, the network of the mode. */
function endpointSettingsOf(mode: string, asked: Record<string, Partial<EndpointSettings>>, parts: EngineParts): Record<string, Partial<EndpointSettings>> {
  if (mode.startsWith('container:')) return {};
  const nameOf = (reference: string): string => {
    try {
      return parts.networks.identify(reference === 'default' ? 'bridge' : reference).name;
    } catch (error) {
      // It need not be there, nor be the only one, before the start.
      if (isFailure(error, 'network.not_found') || isFailure(error, 'network.ambiguous_use')) return reference;
      throw error;
    }
  };
  const main = nameOf(mode);
  const settings: Record<string, Partial<EndpointSettings>> = {};
  for (const [reference, endpoint] of Object.entries(asked)) {
    const name = reference === 'default' ? main : nameOf(reference);
    settings[name] = { ...settings[name], ...endpoint };
  }
  return Object.keys(settings).length === 0 ? { [main]: {} } : settings;
}
