/** How a container shows in inspect and list, API 1.51. Pure. */
import { humanDuration } from '#base/human-duration.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import type {
  ContainerInspect,
  ContainerSummary,
  EndpointSettings,
  GraphDriverData,
  HealthStatus,
  MountPoint,
  NetworkSettings,
  PortMap,
  PortSummary,
} from '#schema/container-config.ts';
import type { Endpoint } from '#network/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning, viewState } from './container-state.ts';
import { attachmentsOf, dnsNamesOf } from './network-attachments.ts';
import { sandboxLinks } from './sandbox-links.ts';
import type { EnginePaths } from '../engine-paths.ts';

export interface InspectFacts {
  readonly paths: EnginePaths;
  readonly driver: string;
  readonly graphDriver: GraphDriverData;
  readonly execIds: readonly string[];
  readonly size: { writable: number; total: number } | undefined;
  /** As `HostConfig.Links` shows them. */
  readonly links: string[] | null;
}

export function viewInspect(record: ContainerRecord, facts: InspectFacts): ContainerInspect {
  const directory = facts.paths.containerDirectory(record.id);
  const file = (name: string): string => (record.startedBefore ? `${directory}/${name}` : '');
  return {
    Id: record.id,
    Created: record.created,
    Path: record.path,
    Args: [...record.args],
    State: viewState(record.state),
    Image: record.imageId,
    ResolvConfPath: file('resolv.conf'),
    HostnamePath: file('hostname'),
    HostsPath: file('hosts'),
    LogPath: (record.startedBefore || record.state.error.startsWith('failed to create task')) && record.hostConfig.LogConfig.Type === 'json-file' ? facts.paths.logPath(record.id) : '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: facts.driver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: facts.execIds.length === 0 ? null : [...facts.execIds],
    HostConfig: { ...record.hostConfig, Links: facts.links },
    GraphDriver: facts.graphDriver,
    ...(facts.size !== undefined && { SizeRw: facts.size.writable, SizeRootFs: facts.size.total }),
    Mounts: record.mounts.map(({ point }) => viewMount(point)),
    Config: withAskedAddress(record),
    NetworkSettings: viewNetworkSettings(record),
  };
}

export function viewSummary(record: ContainerRecord, facts: { now: bigint; linkNames: readonly string[]; imageName: string; size: { writable: number; total: number } | undefined }): ContainerSummary {
  const networkMode = record.hostConfig.NetworkMode;
  const asked = new Set((record.hostConfig.Mounts ?? []).map((mount) => mount.Target));
  return {
    Id: record.id,
    Names: [`/${record.name}`, ...facts.linkNames].sort(),
    Image: facts.imageName,
    ImageID: record.imageId,
    Command: viewCommand(record),
    Created: Number((parseTimestamp(record.created) ?? 0n) / 1_000_000_000n),
    Ports: viewPorts(record),
    // Docker leaves a size of zero out.
    ...(facts.size !== undefined && facts.size.writable > 0 && { SizeRw: facts.size.writable }),
    ...(facts.size !== undefined && facts.size.total > 0 && { SizeRootFs: facts.size.total }),
    Labels: record.config.Labels,
    State: record.state.status,
    Status: viewStatus(record, facts.now),
    HostConfig: {
      NetworkMode: networkMode,
      ...(record.hostConfig.Annotations !== undefined && { Annotations: record.hostConfig.Annotations }),
    },
    NetworkSettings: { Networks: viewEndpoints(record) },
    // Where volumes that `-v /path` or the image made are kept is told by inspect alone.
    Mounts: record.mounts.map(({ point, anonymous }) => (anonymous && !asked.has(point.Destination) ? { ...viewMount(point), Source: '' } : viewMount(point))),
  };
}

/** `Up 3 seconds`, `Exited (0) 2 hours ago`, … */
export function viewStatus(record: ContainerRecord, now: bigint): string {
  const { state } = record;
  const since = (moment: string): string => humanDuration(Math.max(0, Number((now - (parseTimestamp(moment) ?? now)) / 1_000_000n)));
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt)}${healthNote(state.health?.status)}`;
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthNote(status: HealthStatus | undefined): string {
  if (status === undefined) return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

/** The command line as `docker ps` shows it: arguments with blanks are quoted. */
function viewCommand(record: ContainerRecord): string {
  if (record.args.length === 0) return record.path;
  const quoted = record.args.map((argument) => (argument.includes(' ') ? `'${argument}'` : argument));
  return `${record.path} ${quoted.join(' ')}`;
}

/** The ports of a running container, published or not. */
export function viewPorts(record: ContainerRecord): PortSummary[] {
  if (!isRunning(record.state)) return [];
  return Object.entries(shownSandbox(record)?.ports ?? {}).flatMap(([port, bindings]) => {
    const [number, type] = port.split('/') as [string, PortSummary['Type']];
    const PrivatePort = Number(number);
    if (bindings === null || bindings.length === 0) return [{ PrivatePort, Type: type }];
    return bindings.map((binding) => ({ IP: binding.HostIp, PrivatePort, ...(binding.HostPort !== '' && { PublicPort: Number(binding.HostPort) }), Type: type }));
  });
}

/** What has ended has nothing of the network any more, also while that is being given back. */
function shownSandbox({ sandbox, state }: ContainerRecord): ContainerRecord['sandbox'] {
  return isRunning(state) ? sandbox : undefined;
}

function viewNetworkSettings(record: ContainerRecord): NetworkSettings {
  const sandbox = shownSandbox(record);
  const networks = viewEndpoints(record);
  const primary = networks['bridge'];
  const ports: PortMap = sandbox === undefined ? {} : sandbox.ports;
  return {
    Bridge: '',
    SandboxID: sandbox?.id ?? '',
    SandboxKey: sandbox === undefined ? '' : sandboxLinks.pathOf(sandbox),
    Ports: ports,
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: primary?.EndpointID ?? '',
    Gateway: primary?.Gateway ?? '',
    GlobalIPv6Address: primary?.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: primary?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: primary?.IPAddress ?? '',
    IPPrefixLen: primary?.IPPrefixLen ?? 0,
    IPv6Gateway: primary?.IPv6Gateway ?? '',
    MacAddress: primary?.MacAddress ?? '',
    Networks: networks,
  };
}

/** The hardware address asked for on the network of the mode is shown among the settings too, for clients older than API 1.44. */
function withAskedAddress(record: ContainerRecord): ContainerInspect['Config'] {
  const { config, hostConfig } = record;
  if (hostConfig.NetworkMode === 'host' || hostConfig.NetworkMode === 'none' || hostConfig.NetworkMode.startsWith('container:')) return config;
  const asked = attachmentsOf(record)[0]?.settings.MacAddress ?? '';
  return asked === '' ? config : { ...config, MacAddress: asked };
}

/** One entry per network the container is on, or will be when it starts. */
function viewEndpoints(record: ContainerRecord): Record<string, EndpointSettings> {
  if (record.hostConfig.NetworkMode.startsWith('container:')) return {};
  return Object.fromEntries(attachmentsOf(record).map((attachment) => {
    const { name, settings } = attachment;
    return [name, viewEndpoint(settings, shownSandbox(record)?.endpoints[name], dnsNamesOf(record, attachment), record.startedBefore)];
  }));
}

function viewEndpoint(asked: Partial<EndpointSettings> | undefined, endpoint: Endpoint | undefined, dnsNames: string[] | null, startedBefore: boolean): EndpointSettings {
  return {
    IPAMConfig: asked?.IPAMConfig ?? null,
    Links: asked?.Links ?? null,
    Aliases: asked?.Aliases ?? null,
    MacAddress: endpoint?.macAddress ?? (startedBefore ? '' : (asked?.MacAddress ?? '')),
    DriverOpts: asked?.DriverOpts ?? null,
    GwPriority: asked?.GwPriority ?? 0,
    NetworkID: endpoint?.networkId ?? asked?.NetworkID ?? '',
    EndpointID: endpoint?.id ?? '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.address ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.six?.gateway ?? '',
    GlobalIPv6Address: endpoint?.six?.address ?? '',
    GlobalIPv6PrefixLen: endpoint?.six?.prefixLength ?? 0,
    DNSNames: dnsNames,
  };
}

/** In the order of Docker's fields: clients show the document as it is. */
function viewMount({ Type, Name, Source, Destination, Driver, Mode, RW, Propagation }: MountPoint): MountPoint {
  return { Type, ...(Name !== undefined && { Name }), Source, Destination, ...(Driver !== undefined && { Driver }), Mode, RW, Propagation };
}
