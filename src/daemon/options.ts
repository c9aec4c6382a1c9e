/**
 * What the daemon shall do, from its command line and its configuration file. The file is
 * `/etc/dhow/daemon.json`; Docker's own `/etc/docker/daemon.json` is read only when named with
 * `--config-file`, since its data root and bridge belong to Docker.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseListenAddress, type ListenAddress } from '#api/connection/listen-address.ts';
import { EngineError, fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { readSize } from '#base/read-size.ts';
import type { NetworkSettings } from '#network/default-bridge.ts';
import type { Ulimit } from '#schema/container-config.ts';
import type { SeccompDefault } from '#engine/engine-configuration.ts';
import { checkLogConfig } from '#engine/processes/log-options.ts';
import type { CgroupDriver } from '#kernel/cgroups/contract.ts';
import { cgroupDriverOf } from './cgroup-driver.ts';
import { readConfigurationFile, type FileValues } from './configuration-file.ts';
import { defaultModes, deviceDirectoriesOf, initPathOf, seccompOf, ulimitsOf } from './container-options.ts';
import { logLevels, type LogFormat, type LogLevel } from './log.ts';
import { addressPoolsOf, networkOptionsOf, networkSettings, refuseFixedRangeOfVersion6 } from './network-options.ts';
import { invalid, isRecord, refuseFirst, valueOf, type Refusal } from './option-refusal.ts';
import { describeOptions, labelFault, optionTable } from './option-table.ts';
import { proxyProgramFault, readGenericResource, readMirror, searchDomainFault, type AddressPoolOption } from './option-values.ts';
import { OptionValues } from './option-sources.ts';
import { parseArguments } from './parse-arguments.ts';
import { collectionSettings, type BuilderDirective } from './builder-options.ts';
import type { CollectionSettings } from '#engine/solver/collection-rules.ts';
import { mirrorsOf, transferLimits } from './registry-options.ts';
import { refusalOf } from './refused-options.ts';
import { runtimesOf, type RuntimeOption } from './runtime-options.ts';
import { readTlsOptions, type TlsOptions } from './tls-options.ts';

export const defaultConfigurationFile = '/etc/dhow/daemon.json';
const defaultDataRoot = '/var/lib/dhow';
const defaultExecRoot = '/run/dhow';
const standardShmSize = 64 * 1024 * 1024;

export interface DaemonOptions {
  readonly hosts: readonly ListenAddress[];
  /** For the TCP addresses; undefined: they are served without. */
  readonly tls: TlsOptions | undefined;
  /** Absolute, like all paths here. */
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  /** undefined where not given, as with all that may be undefined. */
  readonly bridge: string | undefined;
  readonly network: NetworkSettings;
  /** By the name of the driver. */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** As they were given, for `info`. */
  readonly addressPools: readonly AddressPoolOption[];
  readonly storageDriver: string | undefined;
  /** Bytes of `storage-opts`' size: what a container's own layer may take that asks for nothing. */
  readonly layerSize: number | undefined;
  readonly usernsRemap: string | undefined;
  readonly defaultRuntime: string | undefined;
  readonly cgroupParent: string | undefined;
  readonly cgroupDriver: CgroupDriver;
  /** Of the Container Device Interface. */
  readonly deviceDirectories: readonly string[];
  /** Further runtimes by name. */
  readonly runtimes: Readonly<Record<string, RuntimeOption>>;
  readonly group: string | undefined;
  readonly labels: readonly string[];
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly hostGateways: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  /** Of other registries than the Hub, by host with port. */
  readonly mirrorsOf: Readonly<Record<string, readonly string[]>>;
  readonly concurrentDownloads: number;
  readonly concurrentUploads: number;
  readonly downloadAttempts: number;
  readonly proxies: { readonly http: string | undefined; readonly https: string | undefined; readonly none: string | undefined };
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly ulimits: readonly Ulimit[];
  /** Bytes. */
  readonly shmSize: number;
  readonly ipcMode: 'private' | 'shareable';
  readonly cgroupnsMode: 'private' | 'host' | undefined;
  readonly init: boolean;
  readonly initPath: string | undefined;
  readonly noNewPrivileges: boolean;
  readonly seccomp: SeccompDefault;
  readonly experimental: boolean;
  readonly features: Readonly<Record<string, boolean>>;
  /** Of what builds keep. */
  readonly cacheCollection: CollectionSettings;
  readonly genericResources: readonly { readonly kind: string; readonly value: string | number }[];
  /** `host:port`. */
  readonly metricsAddress: string | undefined;
  readonly liveRestore: boolean;
  readonly debug: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Seconds. */
  readonly shutdownTimeout: number;
  /** Whether to take over from the daemon that runs. */
  readonly replace: boolean;
  /** Keys that the file has. */
  readonly inFile: ReadonlySet<string>;
  /** For the log, once there is one. */
  readonly warnings: readonly string[];
}

export type DaemonCommand =
  | { readonly kind: 'run'; readonly options: DaemonOptions }
  /** The options are sound, and that is all that was asked. */
  | { readonly kind: 'validate'; readonly options: DaemonOptions }
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly text: string };

/**
 * @param args without the program's name
 * @throws daemon.bad_arguments, daemon.bad_configuration, daemon.invalid_option, with dockerd's texts
 */
export function readDaemonCommand(args: readonly string[]): DaemonCommand {
  const asked = args.slice(0, args.includes('--') ? args.indexOf('--') : args.length);
  if (asked.includes('--help') || asked.includes('-h')) return { kind: 'help', text: describeOptions() };
  if (asked.includes('--version') || asked.includes('-v')) return { kind: 'version' };
  const given = parseArguments(args, optionTable);
  const named = given.get('config-file')?.at(-1);
  const path = named ?? defaultConfigurationFile;
  const file = path === '' ? {} : readConfigurationFile(path, given);
  if (file === undefined && named !== undefined) throw fail('daemon.bad_configuration', { path, reason: `open ${path}: no such file or directory` });
  const values = new OptionValues(given, file ?? {});
  const options = build(values, file ?? {}, path);
  return values.flag('validate') ? { kind: 'validate', options } : { kind: 'run', options };
}

function build(values: OptionValues, file: FileValues, path: string): DaemonOptions {
  const merged: Refusal = (message) => fail('daemon.bad_configuration', { path, reason: `merged configuration validation from file and command line flags failed: ${message}` });
  const level = (values.text('log-level') ?? 'info').toLowerCase();
  const logLevel = logLevels.find((candidate) => candidate === level);
  if (logLevel === undefined) throw merged(`invalid logging level: ${values.text('log-level')}`);
  const logFormat = values.text('log-format') ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') throw merged(`invalid log format: ${logFormat}`);
  const labels = values.list('label');
  refuseFirst(labels, labelFault, merged);
  const numbers = transferLimits(values, merged);
  const mtu = values.integer('mtu') ?? 0;
  if (mtu < 0) throw merged(`invalid default MTU: ${mtu}`);
  refuseFirst(values.list('dns-search'), searchDomainFault, merged);
  const genericResources = values.list('node-generic-resource').map((text) => valueOf(readGenericResource(text), merged));
  const registryMirrors = values.list('registry-mirror').map((text) => valueOf(readMirror(text), merged));
  const modes = defaultModes(values, merged);
  refuseFirst(values.list('exec-opt'), executionOptionFault, merged);
  if (values.flag('userland-proxy', true)) refuseFirst([values.text('userland-proxy-path') ?? ''], proxyProgramFault, merged);
  const hostGateways = values.list('host-gateway-ip').map((text) => text.trim());
  for (const version of ['IPv4', 'IPv6'] as const) {
    if (hostGateways.filter((address) => address.includes(':') === (version === 'IPv6')).length > 1) throw merged(`only one ${version} host gateway IP address can be specified`);
  }
  const clash = values.text('fixed-cidr-v6');
  if (clash !== undefined) refuseFixedRangeOfVersion6(clash, merged);
  const execRoot = resolve(values.text('exec-root') ?? defaultExecRoot);
  const socket = join(execRoot, 'docker.sock');
  const debug = values.flag('debug');
  const shutdownTimeout = values.integer('shutdown-timeout') ?? 15;
  const tls = readTlsOptions(values, join(homedir(), '.docker'));
  const hosts = hostsOf(values.list('host'), { socket, tls: tls !== undefined }, merged);
  const addressPools = addressPoolsOf(values, file);
  const options: DaemonOptions = {
    hosts,
    tls,
    dataRoot: resolve(values.text('data-root') ?? defaultDataRoot),
    execRoot,
    pidFile: resolve(values.text('pidfile') ?? join(execRoot, 'dhowd.pid')),
    bridge: values.text('bridge'),
    network: networkSettings(values, mtu, addressPools),
    networkOptions: networkOptionsOf(values, file),
    addressPools,
    storageDriver: values.text('storage-driver'),
    layerSize: layerSizeOf(values.list('storage-opt')),
    usernsRemap: values.text('userns-remap'),
    defaultRuntime: values.text('default-runtime'),
    cgroupParent: values.text('cgroup-parent'),
    cgroupDriver: cgroupDriverOf(values),
    deviceDirectories: deviceDirectoriesOf(values.list('cdi-spec-dir')),
    runtimes: runtimesOf(values.given('add-runtime'), values.fromFile('add-runtime'), values.text('default-runtime')),
    group: values.text('group'),
    labels: withoutDuplicates(labels),
    dns: values.list('dns').map((address) => address.trim()),
    dnsOptions: values.list('dns-opt'),
    dnsSearch: values.list('dns-search'),
    hostGateways,
    insecureRegistries: values.list('insecure-registry'),
    registryMirrors,
    mirrorsOf: mirrorsOf(file, merged),
    ...numbers,
    proxies: { http: values.text('http-proxy'), https: values.text('https-proxy'), none: values.text('no-proxy') },
    logDriver: values.text('log-driver') ?? 'json-file',
    logOptions: values.pairs('log-opt'),
    ulimits: ulimitsOf(values),
    shmSize: parseBinarySize(values.text('default-shm-size') ?? String(standardShmSize)),
    ...modes,
    init: values.flag('init'),
    initPath: initPathOf(values.text('init-path')),
    noNewPrivileges: values.flag('no-new-privileges'),
    seccomp: seccompOf(values.text('seccomp-profile')),
    experimental: values.flag('experimental'),
    features: featuresOf(values),
    cacheCollection: collectionSettings(file?.['builder'] as BuilderDirective | undefined),
    genericResources,
    metricsAddress: values.text('metrics-addr'),
    liveRestore: values.flag('live-restore'),
    debug,
    logLevel: debug ? 'debug' : logLevel,
    logFormat,
    // Docker counts a negative number as no limit; a day is none for requests.
    shutdownTimeout: shutdownTimeout < 0 ? 86_400 : shutdownTimeout,
    replace: values.flag('replace'),
    inFile: new Set(Object.keys(file)),
    warnings: optionTable
      .filter((option) => option.help === undefined && values.isGiven(option))
      .map((option) => `option ${option.key ?? option.flag} is known but has no effect in this engine`),
  };
  checkLogs(options);
  const refusal = refusalOf(values);
  if (refusal !== undefined) throw fail('daemon.invalid_option', { message: refusal });
  return options;
}

/** @throws daemon.invalid_option with dockerd's text, for a driver or option that no container could have */
function checkLogs({ logDriver, logOptions }: DaemonOptions): void {
  try {
    checkLogConfig({ Type: logDriver, Config: logOptions });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`failed to set log opts: ${error.message}`);
  }
}

function executionOptionFault(option: string): string | undefined {
  const equals = option.indexOf('=');
  if (equals < 0) return `invalid exec-opt (${option}): must be formatted 'opt=value'`;
  const name = option.slice(0, equals).trim();
  return name === 'native.cgroupdriver' ? undefined : `invalid exec-opt (${option}): unknown option: '${name}'`;
}

function featuresOf(values: OptionValues): Record<string, boolean> {
  const directives = values.fromFile('feature');
  if (isRecord<boolean>(directives)) return { ...directives };
  return Object.fromEntries(values.given('feature').map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? [text, true] : [text.slice(0, equals), parseGoBoolean(text.slice(equals + 1)) === true];
  }));
}

/** One default address where none is given; none twice. */
function hostsOf(texts: readonly string[], defaults: { socket: string; tls: boolean }, merged: Refusal): ListenAddress[] {
  const addresses = new Map<string, ListenAddress>();
  for (const text of texts.length === 0 ? [''] : texts) {
    try {
      const address = parseListenAddress(text, defaults.socket, { tls: defaults.tls });
      addresses.set(JSON.stringify(address), address);
    } catch (error) {
      throw error instanceof Error ? merged(error.message) : error;
    }
  }
  return [...addresses.values()];
}

/** @throws daemon.invalid_option where a label has two values */
function withoutDuplicates(labels: readonly string[]): string[] {
  const values = new Map<string, string>();
  for (const label of labels) {
    const equals = label.indexOf('=');
    const [key, value] = [label.slice(0, equals), label.slice(equals + 1)];
    const before = values.get(key);
    if (before !== undefined && before !== value) throw fail('daemon.invalid_option', { message: `conflict labels for ${key}=${value} and ${key}=${before}` });
    values.set(key, value);
  }
  return [...values].map(([key, value]) => `${key}=${value}`);
}

/** Of the last size among a storage driver's options; what is wrong with them is told by {@link refusalOf}. */
function layerSizeOf(storageOptions: readonly string[]): number | undefined {
  const size = storageOptions.map((option) => /^\s*(?:overlay2\.)?size\s*=(.*)$/i.exec(option)?.[1]?.trim()).findLast((value) => value !== undefined);
  const read = size === undefined ? undefined : readSize(size, 1024);
  return read === undefined || 'problem' in read || read.bytes === 0 ? undefined : read.bytes;
}
