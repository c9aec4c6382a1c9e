/** The text of `info`, laid out as Docker's. */
import { humanDuration } from '#base/human-duration.ts';
import { binarySize } from '#base/human-size.ts';
import { quoteText } from '#base/template/go-quote.ts';

interface Identified {
  readonly ID: string;
}

interface Cluster extends Identified {
  readonly DefaultAddrPool?: readonly string[] | null;
  readonly SubnetSize?: number;
  readonly DataPathPort?: number;
  readonly RootRotationInProgress: boolean;
  readonly Spec: {
    readonly Orchestration: { readonly TaskHistoryRetentionLimit?: number };
    readonly Raft: { readonly SnapshotInterval?: number; readonly KeepOldSnapshots?: number; readonly HeartbeatTick: number; readonly ElectionTick: number };
    readonly Dispatcher: { readonly HeartbeatPeriod?: number };
    readonly CAConfig: { readonly NodeCertExpiry?: number; readonly ForceRotate?: number; readonly ExternalCAs?: readonly { Protocol: string; URL: string }[] };
    readonly EncryptionConfig: { readonly AutoLockManagers: boolean };
  };
}

/** The members of `GET /info` that are shown. */
export interface ServerInfo {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly ServerVersion?: string;
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
  readonly SystemStatus?: readonly (readonly [string, string])[] | null;
  readonly LoggingDriver?: string;
  readonly CgroupDriver?: string;
  readonly CgroupVersion?: string;
  readonly Plugins: Readonly<Record<'Volume' | 'Network' | 'Authorization' | 'Log', readonly string[] | null>>;
  readonly CDISpecDirs?: readonly string[] | null;
  readonly DiscoveredDevices?: readonly { Source: string; ID: string }[] | null;
  readonly Swarm: {
    readonly LocalNodeState: string;
    readonly NodeID: string;
    readonly NodeAddr: string;
    readonly Error: string;
    readonly ControlAvailable: boolean;
    readonly Managers?: number;
    readonly Nodes?: number;
    readonly Cluster?: Cluster | null;
    readonly RemoteManagers?: readonly { readonly Addr: string }[] | null;
  };
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DefaultRuntime: string;
  readonly OSType: string;
  readonly InitBinary: string;
  readonly ContainerdCommit: Identified;
  readonly RuncCommit: Identified;
  readonly InitCommit: Identified;
  readonly SecurityOptions?: readonly string[] | null;
  readonly KernelVersion?: string;
  readonly OperatingSystem?: string;
  readonly Architecture?: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Name?: string;
  readonly ID?: string;
  readonly DockerRootDir: string;
  readonly Debug: boolean;
  readonly NFd: number;
  readonly NGoroutines: number;
  readonly SystemTime: string;
  readonly NEventsListener: number;
  readonly HttpProxy?: string;
  readonly HttpsProxy?: string;
  readonly NoProxy?: string;
  readonly Labels?: readonly string[] | null;
  readonly ExperimentalBuild: boolean;
  readonly RegistryConfig?: {
    readonly InsecureRegistryCIDRs?: readonly string[] | null;
    readonly IndexConfigs?: Readonly<Record<string, { readonly Name: string; readonly Secure: boolean }>> | null;
    readonly Mirrors?: readonly string[] | null;
  } | null;
  readonly LiveRestoreEnabled: boolean;
  readonly ProductLicense?: string;
  readonly DefaultAddressPools?: readonly { readonly Base: string; readonly Size: number }[] | null;
  readonly Warnings?: readonly string[] | null;
}

/** A line unless its value is empty. */
function unlessEmpty(label: string, value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [`${label} ${value}`];
}

/** A heading and its lines unless there are none. */
function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [heading, ...lines];
}

/** @throws Error for security options that are none */
export function serverInfoText(info: ServerInfo, { debug, userName }: { debug: boolean; userName: string }): string {
  const lines = [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ...unlessEmpty(' Server Version:', info.ServerVersion),
    ...unlessEmpty(' Storage Driver:', info.Driver),
    ...(info.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    ...(info.SystemStatus ?? []).map(([name, value]) => ` ${name}: ${value}`),
    ...unlessEmpty(' Logging Driver:', info.LoggingDriver),
    ...unlessEmpty(' Cgroup Driver:', info.CgroupDriver),
    ...unlessEmpty(' Cgroup Version:', info.CgroupVersion),
    ' Plugins:',
    `  Volume: ${(info.Plugins.Volume ?? []).join(' ')}`,
    `  Network: ${(info.Plugins.Network ?? []).join(' ')}`,
    ...unlessEmpty('  Authorization:', (info.Plugins.Authorization ?? []).join(' ')),
    `  Log: ${(info.Plugins.Log ?? []).join(' ')}`,
    ...section(' CDI spec directories:', (info.CDISpecDirs ?? []).map((directory) => `  ${directory}`)),
    ...section(' Discovered Devices:', (info.DiscoveredDevices ?? []).map(({ Source: source, ID: id }) => `  ${source}: ${id}`)),
    ...swarmLines(info.Swarm),
    ...runtimeLines(info),
    ...(info.OSType === 'linux' ? linuxLines(info) : []),
    ...unlessEmpty(' Kernel Version:', info.KernelVersion),
    ...unlessEmpty(' Operating System:', info.OperatingSystem),
    ...unlessEmpty(' OSType:', info.OSType),
    ...unlessEmpty(' Architecture:', info.Architecture),
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${binarySize(info.MemTotal)}`,
    ...unlessEmpty(' Name:', info.Name),
    ...unlessEmpty(' ID:', info.ID),
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ...(info.Debug || debug ? debugLines(info) : []),
    ...unlessEmpty(' HTTP Proxy:', info.HttpProxy),
    ...unlessEmpty(' HTTPS Proxy:', info.HttpsProxy),
    ...unlessEmpty(' No Proxy:', info.NoProxy),
    ...unlessEmpty(' Username:', userName),
    ...section(' Labels:', (info.Labels ?? []).map((label) => `  ${label}`)),
    ` Experimental: ${info.ExperimentalBuild}`,
    ...registryLines(info),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled}`,
    ...unlessEmpty(' Product License:', info.ProductLicense),
    ...section(' Default Address Pools:', (info.DefaultAddressPools ?? []).map(({ Base: base, Size: size }) => `   Base: ${base}, Size: ${size}`)),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function runtimeLines(info: ServerInfo): string[] {
  const names = Object.keys(info.Runtimes ?? {});
  return names.length === 0 ? [] : [` Runtimes: ${names.join(' ')}`, ` Default Runtime: ${info.DefaultRuntime}`];
}

function linuxLines(info: ServerInfo): string[] {
  return [
    ` Init Binary: ${info.InitBinary}`,
    ` containerd version: ${info.ContainerdCommit.ID}`,
    ` runc version: ${info.RuncCommit.ID}`,
    ` init version: ${info.InitCommit.ID}`,
    ...section(' Security Options:', (info.SecurityOptions ?? []).flatMap(securityLines)),
  ];
}

/** `name=seccomp,profile=builtin` in two lines. */
function securityLines(option: string): string[] {
  if (!option.includes('=')) return [`  ${option}`];
  let name = '';
  const profiles: string[] = [];
  for (const part of option.split(',')) {
    const cut = part.indexOf('=');
    if (cut < 0) throw new Error(`invalid security option ${quoteText(part)}`);
    const [key, value] = [part.slice(0, cut), part.slice(cut + 1)];
    if (key === '' || value === '') throw new Error('invalid empty security option');
    if (key === 'name') name = value;
    else if (key === 'profile') profiles.push(`   Profile: ${value}`);
  }
  return [`  ${name}`, ...profiles];
}

function debugLines(info: ServerInfo): string[] {
  return [
    `  File Descriptors: ${info.NFd}`,
    `  Goroutines: ${info.NGoroutines}`,
    `  System Time: ${info.SystemTime}`,
    `  EventsListeners: ${info.NEventsListener}`,
  ];
}

function registryLines({ RegistryConfig: registry }: ServerInfo): string[] {
  const indexes = Object.values(registry?.IndexConfigs ?? {});
  const networks = registry?.InsecureRegistryCIDRs ?? [];
  const insecure = [...indexes.filter((index) => !index.Secure).map((index) => `  ${index.Name}`), ...networks.map((one) => `  ${one}`)];
  const lines = indexes.length > 0 || networks.length > 0 ? [' Insecure Registries:', ...insecure] : [];
  return [...lines, ...section(' Registry Mirrors:', (registry?.Mirrors ?? []).map((mirror) => `  ${mirror}`))];
}

function swarmLines(swarm: ServerInfo['Swarm']): string[] {
  const state = ` Swarm: ${swarm.LocalNodeState}`;
  if (swarm.LocalNodeState === 'inactive' || swarm.LocalNodeState === 'locked') return [state];
  const cluster = swarm.ControlAvailable && swarm.Error === '' && swarm.LocalNodeState !== 'error' ? swarm.Cluster : undefined;
  return [
    state,
    `  NodeID: ${swarm.NodeID}`,
    ...unlessEmpty('  Error:', swarm.Error),
    `  Is Manager: ${swarm.ControlAvailable}`,
    ...(cluster === undefined || cluster === null ? [] : clusterLines(swarm, cluster)),
    `  Node Address: ${swarm.NodeAddr}`,
    ...section('  Manager Addresses:', (swarm.RemoteManagers ?? []).map(({ Addr: address }) => `   ${address}`).sort()),
  ];
}

function clusterLines(swarm: ServerInfo['Swarm'], cluster: Cluster): string[] {
  const { Orchestration: orchestration, Raft: raft, Dispatcher: dispatcher, CAConfig: authority, EncryptionConfig: encryption } = cluster.Spec;
  const pool = cluster.DefaultAddrPool;
  return [
    `  ClusterID: ${cluster.ID}`,
    `  Managers: ${swarm.Managers ?? 0}`,
    `  Nodes: ${swarm.Nodes ?? 0}`,
    ...(pool === undefined || pool === null ? [] : [`  Default Address Pool: ${pool.map((one) => `${one}  `).join('')}`, `  SubnetSize: ${cluster.SubnetSize ?? 0}`]),
    ...((cluster.DataPathPort ?? 0) > 0 ? [`  Data Path Port: ${cluster.DataPathPort}`] : []),
    '  Orchestration:',
    `   Task History Retention Limit: ${orchestration.TaskHistoryRetentionLimit ?? 0}`,
    '  Raft:',
    `   Snapshot Interval: ${raft.SnapshotInterval ?? 0}`,
    ...(raft.KeepOldSnapshots === undefined ? [] : [`   Number of Old Snapshots to Retain: ${raft.KeepOldSnapshots}`]),
    `   Heartbeat Tick: ${raft.HeartbeatTick}`,
    `   Election Tick: ${raft.ElectionTick}`,
    '  Dispatcher:',
    `   Heartbeat Period: ${humanDuration((dispatcher.HeartbeatPeriod ?? 0) / 1e6)}`,
    '  CA Configuration:',
    `   Expiry Duration: ${humanDuration((authority.NodeCertExpiry ?? 0) / 1e6)}`,
    `   Force Rotate: ${authority.ForceRotate ?? 0}`,
    ...section('   External CAs:', (authority.ExternalCAs ?? []).map(({ Protocol: protocol, URL: url }) => `     ${protocol}: ${url}`)),
    `  Autolock Managers: ${encryption.AutoLockManagers}`,
    `  Root Rotation In Progress: ${cluster.RootRotationInProgress}`,
  ];
}
