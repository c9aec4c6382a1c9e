/**
 * The body of `POST /containers/create` from the flags of `run` and `create`, as Docker's CLI makes it.
 * Failures are Errors with Docker's texts.
 */
import { readKeyValueFile } from '#cli/key-value-file.ts';
import { isMacAddress } from '#cli/flags/validators.ts';
import type { FlagValues } from '#cli/flag.ts';
import type { ConfigurationFile } from '#cli/configuration/client-configuration.ts';
import type { ContainerConfig, CreateRequest, DeviceMapping, DeviceRequest, HealthConfig, HostConfig, PortBinding, RestartPolicy } from '#schema/container-config.ts';
import type { containerFlags } from './container-flags.ts';
import { isDeviceName, parseDevice } from './device-specification.ts';
import { endpointsOf, networkModeOf } from './endpoint-request.ts';
import { parseExpose, parsePublished } from './port-specification.ts';
import { proxyVariables } from './proxy-variables.ts';
import { systemPaths, withProfiles } from './security-options.ts';
import { bindOf } from './volume-specification.ts';

export type ContainerFlagValues = FlagValues<typeof containerFlags>;

export interface RequestSource {
  readonly flags: ContainerFlagValues;
  readonly given: (name: keyof typeof containerFlags) => boolean;
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly configuration: ConfigurationFile;
  /** The daemon's address, to which proxies may be bound. */
  readonly daemonAddress: string;
}

/** As Docker's CLI sends it: what Go leaves out when empty is left out. */
export type ContainerRequest = Omit<CreateRequest, 'HostConfig'> & { HostConfig: Omit<HostConfig, 'Runtime'> & { Runtime?: string } };

export function containerRequest(source: RequestSource): ContainerRequest {
  const { flags, given } = source;
  if (flags['mac-address'] !== '' && !isMacAddress(flags['mac-address'])) throw new Error(`${flags['mac-address']} is not a valid mac address`);
  const swappiness = flags['memory-swappiness'];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  const volumes = splitVolumes(flags.volume);
  const ports = portsOf(flags);
  const devices = devicesOf(flags.device);
  const environment = [...flags['env-file'].flatMap((path) => readKeyValueFile(path, (key) => source.environment[key])), ...variablesOf(source)];
  const labels = [...flags['label-file'].flatMap((path) => readKeyValueFile(path)), ...flags.label];
  checkModes(flags);
  const restart = restartPolicyOf(flags.restart);
  if (flags['log-driver'] === 'none' && flags['log-opt'].length > 0) throw new Error('invalid logging opts for driver none');
  const { options: securityOptions, maskedPaths, readonlyPaths } = systemPaths(withProfiles(flags['security-opt']));
  const storage = storageOf(flags['storage-opt']);
  const health = healthOf(flags);
  const attached = attachedStreams(flags);
  const config: ContainerConfig = {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    ...(ports.exposed.length === 0 ? {} : { ExposedPorts: Object.fromEntries(ports.exposed.map((port) => [port, {}])) }),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    // An attached input ends with its client.
    StdinOnce: flags.interactive && attached.stdin,
    Env: nullIfEmpty(environment),
    Cmd: nullIfEmpty(source.command),
    ...(health === undefined ? {} : { Healthcheck: health }),
    Image: source.image,
    Volumes: Object.fromEntries(volumes.anonymous.map((path) => [path, {}])),
    WorkingDir: flags.workdir,
    // `--entrypoint=` resets the image's.
    Entrypoint: flags.entrypoint !== '' || given('entrypoint') ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: pairs(labels),
    ...(flags['stop-signal'] === '' ? {} : { StopSignal: flags['stop-signal'] }),
    ...(given('stop-timeout') ? { StopTimeout: flags['stop-timeout'] } : {}),
  };
  if (flags.rm && restart.Name !== 'no' && restart.Name !== '') throw new Error('conflicting options: cannot specify both --restart and --rm');
  const hostConfig: ContainerRequest['HostConfig'] = {
    Binds: nullIfEmpty(volumes.binds),
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags['log-driver'], Config: pairs(flags['log-opt']) },
    NetworkMode: networkModeOf(flags),
    PortBindings: ports.bindings,
    RestartPolicy: restart,
    AutoRemove: flags.rm,
    VolumeDriver: flags['volume-driver'],
    VolumesFrom: nullIfEmpty(flags['volumes-from']),
    ConsoleSize: [0, 0],
    ...omitEmpty('Annotations', Object.fromEntries(flags.annotation)),
    CapAdd: capabilities(flags['cap-add']),
    CapDrop: capabilities(flags['cap-drop']),
    // The flag was checked above.
    CgroupnsMode: flags.cgroupns as HostConfig['CgroupnsMode'],
    Dns: [...flags.dns],
    DnsOptions: [...flags['dns-option']],
    DnsSearch: [...flags['dns-search']],
    ExtraHosts: nullIfEmpty(flags['add-host']),
    GroupAdd: nullIfEmpty(flags['group-add']),
    IpcMode: flags.ipc,
    Cgroup: '',
    Links: nullIfEmpty(flags.link),
    OomScoreAdj: flags['oom-score-adj'],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags['publish-all'],
    ReadonlyRootfs: flags['read-only'],
    SecurityOpt: securityOptions,
    ...omitEmpty('StorageOpt', storage),
    ...omitEmpty('Tmpfs', pairs(flags.tmpfs, ':')),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags['shm-size'],
    ...omitEmpty('Sysctls', Object.fromEntries(flags.sysctl)),
    ...(flags.runtime === '' ? {} : { Runtime: flags.runtime }),
    Isolation: flags.isolation,
    ...resourcesOf(flags, devices),
    ...(flags.mount.length === 0 ? {} : { Mounts: [...flags.mount] }),
    MaskedPaths: maskedPaths,
    ReadonlyPaths: readonlyPaths,
    ...(given('init') ? { Init: flags.init } : {}),
  };
  return { ...config, HostConfig: hostConfig, NetworkingConfig: { EndpointsConfig: endpointsOf(flags) } };
}

type Resources = Omit<Pick<HostConfig,
  'CpuShares' | 'Memory' | 'NanoCpus' | 'CgroupParent' | 'BlkioWeight' | 'BlkioWeightDevice' | 'BlkioDeviceReadBps' | 'BlkioDeviceWriteBps' |
  'BlkioDeviceReadIOps' | 'BlkioDeviceWriteIOps' | 'CpuPeriod' | 'CpuQuota' | 'CpuRealtimePeriod' | 'CpuRealtimeRuntime' | 'CpusetCpus' | 'CpusetMems' |
  'Devices' | 'DeviceCgroupRules' | 'DeviceRequests' | 'MemoryReservation' | 'MemorySwap' | 'MemorySwappiness' | 'OomKillDisable' | 'PidsLimit' | 'Ulimits' |
  'CpuCount' | 'CpuPercent' | 'IOMaximumIOps' | 'IOMaximumBandwidth'>, never>;

function resourcesOf(flags: ContainerFlagValues, devices: { mappings: DeviceMapping[]; names: string[] }): Resources {
  const requests: DeviceRequest[] = [...flags.gpus];
  if (devices.names.length > 0) requests.push({ Driver: 'cdi', Count: 0, DeviceIDs: devices.names, Capabilities: null, Options: null });
  return {
    CpuShares: flags['cpu-shares'],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags['cgroup-parent'],
    BlkioWeight: flags['blkio-weight'],
    BlkioWeightDevice: [...flags['blkio-weight-device']],
    BlkioDeviceReadBps: [...flags['device-read-bps']],
    BlkioDeviceWriteBps: [...flags['device-write-bps']],
    BlkioDeviceReadIOps: [...flags['device-read-iops']],
    BlkioDeviceWriteIOps: [...flags['device-write-iops']],
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpuRealtimePeriod: flags['cpu-rt-period'],
    CpuRealtimeRuntime: flags['cpu-rt-runtime'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    Devices: devices.mappings,
    DeviceCgroupRules: nullIfEmpty(flags['device-cgroup-rule']),
    DeviceRequests: nullIfEmpty(requests),
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    MemorySwappiness: flags['memory-swappiness'],
    OomKillDisable: flags['oom-kill-disable'],
    PidsLimit: flags['pids-limit'],
    Ulimits: [...flags.ulimit],
    CpuCount: flags['cpu-count'],
    CpuPercent: flags['cpu-percent'],
    IOMaximumIOps: flags['io-maxiops'],
    IOMaximumBandwidth: flags['io-maxbandwidth'],
    ...(flags['on-unhealthy'] !== '' && { OnUnhealthy: flags['on-unhealthy'] }),
  };
}

function attachedStreams(flags: ContainerFlagValues): { stdin: boolean; stdout: boolean; stderr: boolean } {
  const chosen = flags.attach;
  return {
    stdin: flags.interactive || chosen.includes('stdin'),
    stdout: chosen.length === 0 || chosen.includes('stdout'),
    stderr: chosen.length === 0 || chosen.includes('stderr'),
  };
}

function splitVolumes(given: readonly string[]): { binds: string[]; anonymous: string[] } {
  const binds: string[] = [];
  const anonymous: string[] = [];
  for (const volume of new Set(given)) {
    const bind = bindOf(volume);
    if (bind === undefined) anonymous.push(volume);
    else binds.push(bind);
  }
  return { binds, anonymous };
}

function portsOf(flags: ContainerFlagValues): { exposed: string[]; bindings: Record<string, PortBinding[]> } {
  const bindings: Record<string, PortBinding[]> = {};
  for (const { port, binding } of parsePublished(flags.publish)) (bindings[port] ??= []).push(binding);
  return { exposed: [...new Set([...Object.keys(bindings), ...flags.expose.flatMap(parseExpose)])], bindings };
}

function devicesOf(given: readonly string[]): { mappings: DeviceMapping[]; names: string[] } {
  return { mappings: given.filter((device) => !isDeviceName(device)).map(parseDevice), names: given.filter(isDeviceName) };
}

/** Proxies of the configuration come in where the user set no variable of the name. */
function variablesOf(source: RequestSource): string[] {
  const variables = new Map<string, string | undefined>();
  for (const text of source.flags.env) {
    const cut = text.indexOf('=');
    variables.set(cut < 0 ? text : text.slice(0, cut), cut < 0 ? undefined : text.slice(cut + 1));
  }
  for (const [name, value] of proxyVariables(source.configuration.proxies, source.daemonAddress)) if (!variables.has(name)) variables.set(name, value);
  return [...variables].map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
}

function checkModes(flags: ContainerFlagValues): void {
  if (!['', 'host'].includes(flags.pid) && !/^container:./s.test(flags.pid)) throw new Error('--pid: invalid PID mode');
  if (!['', 'host'].includes(flags.uts)) throw new Error('--uts: invalid UTS mode');
  if (!['', 'host'].includes(flags.userns)) throw new Error('--userns: invalid USER mode');
  if (!['', 'host', 'private'].includes(flags.cgroupns)) throw new Error('--cgroupns: invalid CGROUP mode');
}

/** `on-failure:3`. */
export function restartPolicyOf(text: string): RestartPolicy {
  if (text === '') return { Name: '', MaximumRetryCount: 0 };
  const cut = text.indexOf(':');
  const name = cut < 0 ? text : text.slice(0, cut);
  const count = cut < 0 ? '' : text.slice(cut + 1);
  if (cut === 0) throw new Error('invalid restart policy format: no policy provided before colon');
  if (!/^([+-]?\d+)?$/.test(count)) throw new Error('invalid restart policy format: maximum retry count must be an integer');
  // The daemon judges names it does not know.
  return { Name: name as RestartPolicy['Name'], MaximumRetryCount: Number(count) };
}

function storageOf(given: readonly string[]): Record<string, string> {
  if (given.some((option) => !option.includes('='))) throw new Error('invalid storage option');
  return pairs(given);
}

function healthOf(flags: ContainerFlagValues): HealthConfig | undefined {
  const [interval, timeout, retries, startPeriod, startInterval] = [flags['health-interval'], flags['health-timeout'], flags['health-retries'], flags['health-start-period'], flags['health-start-interval']];
  const command = flags['health-cmd'];
  const isSet = command !== '' || [interval, timeout, retries, startPeriod, startInterval].some((value) => value !== 0);
  if (flags['no-healthcheck']) {
    if (isSet) throw new Error('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  if (!isSet) return undefined;
  for (const [name, value] of [['interval', interval], ['timeout', timeout], ['retries', retries], ['start-period', startPeriod], ['start-interval', startInterval]] as const) {
    if (value < 0) throw new Error(`--health-${name} cannot be negative`);
  }
  return {
    ...(command === '' ? {} : { Test: ['CMD-SHELL', command] }),
    ...(interval === 0 ? {} : { Interval: interval }),
    ...(timeout === 0 ? {} : { Timeout: timeout }),
    ...(startPeriod === 0 ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === 0 ? {} : { StartInterval: startInterval }),
    ...(retries === 0 ? {} : { Retries: retries }),
  };
}

/** Upper case, with the prefix, each once, sorted. */
function capabilities(given: readonly string[]): string[] | null {
  const names = given.map((name) => {
    const upper = name.toUpperCase();
    return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  });
  return nullIfEmpty([...new Set(names)].sort());
}

function pairs(texts: readonly string[], separator = '='): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const cut = text.indexOf(separator);
    return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
  }));
}

function nullIfEmpty<T>(values: readonly T[]): T[] | null {
  return values.length === 0 ? null : [...values];
}

function omitEmpty<K extends string>(name: K, values: Record<string, string>): { [P in K]?: Record<string, string> } {
  // The one key is `name`, which TypeScript loses in a computed key.
  return Object.keys(values).length === 0 ? {} : ({ [name]: values } as { [P in K]: Record<string, string> });
}
