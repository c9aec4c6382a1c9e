/**
 * What the daemon shall do, from its command line and its configuration file. The file is
 * `/etc/dhow/daemon.json`; Docker's own `/etc/docker/daemon.json` is read only when named with
 * `--config-file`, since its data root and bridge belong to Docker.
 */
import { join, resolve } from 'node:path';
import { parseListenAddress, type ListenAddress } from '#api/connection/listen-address.ts';
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { readConfigurationFile, type FileValues, type RuntimeDirective } from './configuration-file.ts';
import { logLevels, type LogFormat, type LogLevel } from './log.ts';
import { describeOptions, labelFault, optionTable, type OptionRow } from './option-table.ts';
import { parseArguments, type GivenFlags } from './parse-arguments.ts';

export const defaultConfigurationFile = '/etc/dhow/daemon.json';
const defaultDataRoot = '/var/lib/dhow';
const defaultExecRoot = '/run/dhow';

export interface RuntimeOption {
  /** Name or path of the program. */
  readonly path: string;
  readonly arguments: readonly string[];
}

export interface DaemonOptions {
  readonly hosts: readonly ListenAddress[];
  /** Absolute, like all paths here. */
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  /** undefined where not given, as with all that follows. */
  readonly bridge: string | undefined;
  readonly bip: string | undefined;
  readonly storageDriver: string | undefined;
  readonly defaultRuntime: string | undefined;
  readonly cgroupParent: string | undefined;
  /** Further runtimes by name. */
  readonly runtimes: Readonly<Record<string, RuntimeOption>>;
  readonly group: string | undefined;
  readonly labels: readonly string[];
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly liveRestore: boolean;
  readonly debug: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Seconds. */
  readonly shutdownTimeout: number;
  /** For the log, once there is one. */
  readonly warnings: readonly string[];
}

export type DaemonCommand =
  | { readonly kind: 'run'; readonly options: DaemonOptions }
  /** The options are sound, and that is all that was asked. */
  | { readonly kind: 'validate' }
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
  const values = new Values(given, file ?? {});
  const options = build(values, path);
  return values.flag('validate') ? { kind: 'validate' } : { kind: 'run', options };
}

/** Options by flag, whichever way they were given. */
class Values {
  readonly #given: GivenFlags;
  readonly #file: FileValues;

  constructor(given: GivenFlags, file: FileValues) {
    this.#given = given;
    this.#file = file;
  }

  /** undefined where empty, too. */
  text(flag: string): string | undefined {
    const value = this.#given.get(flag)?.at(-1) ?? this.fromFile(flag);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  flag(flag: string): boolean {
    const given = this.#given.get(flag)?.at(-1);
    return given === undefined ? this.fromFile(flag) === true : parseGoBoolean(given) === true;
  }

  integer(flag: string): number | undefined {
    const given = this.#given.get(flag)?.at(-1);
    const value = given === undefined ? this.fromFile(flag) : Number(given);
    return typeof value === 'number' ? value : undefined;
  }

  list(flag: string): readonly string[] {
    const given = this.#given.get(flag);
    if (given !== undefined) return given;
    const value = this.fromFile(flag);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** As given on the command line only. */
  given(flag: string): readonly string[] {
    return this.#given.get(flag) ?? [];
  }

  fromFile(flag: string): unknown {
    const option = optionTable.find((candidate) => candidate.flag === flag);
    return option?.key === undefined ? undefined : this.#file[option.key];
  }

  isGiven(option: OptionRow): boolean {
    return this.#given.has(option.flag) || (option.key !== undefined && this.#file[option.key] !== undefined);
  }
}

function build(values: Values, path: string): DaemonOptions {
  const merged = (message: string): Error =>
    fail('daemon.bad_configuration', { path, reason: `merged configuration validation from file and command line flags failed: ${message}` });
  const level = (values.text('log-level') ?? 'info').toLowerCase();
  const logLevel = logLevels.find((candidate) => candidate === level);
  if (logLevel === undefined) throw merged(`invalid logging level: ${values.text('log-level')}`);
  const logFormat = values.text('log-format') ?? 'text';
  if (logFormat !== 'text' && logFormat !== 'json') throw merged(`invalid log format: ${logFormat}`);
  const labels = values.list('label');
  for (const label of labels) {
    const fault = labelFault(label);
    if (fault !== undefined) throw merged(fault);
  }
  if (values.flag('tls') || values.flag('tlsverify')) {
    throw fail('daemon.invalid_option', { message: 'this daemon cannot serve TLS: leave out --tls and --tlsverify and reach it over SSH (docker -H ssh://host) or a unix socket' });
  }
  const shutdownTimeout = values.integer('shutdown-timeout') ?? 15;
  const execRoot = resolve(values.text('exec-root') ?? defaultExecRoot);
  const socket = join(execRoot, 'docker.sock');
  const debug = values.flag('debug');
  return {
    hosts: hostsOf(values.list('host'), socket, merged),
    dataRoot: resolve(values.text('data-root') ?? defaultDataRoot),
    execRoot,
    pidFile: resolve(values.text('pidfile') ?? join(execRoot, 'dhowd.pid')),
    bridge: values.text('bridge'),
    bip: values.text('bip'),
    storageDriver: values.text('storage-driver'),
    defaultRuntime: values.text('default-runtime'),
    cgroupParent: values.text('cgroup-parent'),
    runtimes: runtimesOf(values),
    group: values.text('group'),
    labels: withoutDuplicates(labels),
    dns: values.list('dns'),
    dnsOptions: values.list('dns-opt'),
    dnsSearch: values.list('dns-search'),
    insecureRegistries: values.list('insecure-registry'),
    liveRestore: values.flag('live-restore'),
    debug,
    logLevel: debug ? 'debug' : logLevel,
    logFormat,
    // Docker counts a negative number as no limit; a day is none for requests.
    shutdownTimeout: shutdownTimeout < 0 ? 86_400 : shutdownTimeout,
    warnings: optionTable
      .filter((option) => option.help === undefined && values.isGiven(option))
      .map((option) => `option ${option.key ?? option.flag} is known but has no effect in this engine`),
  };
}

/** One default address where none is given; none twice. */
function hostsOf(texts: readonly string[], socket: string, merged: (message: string) => Error): ListenAddress[] {
  const addresses = new Map<string, ListenAddress>();
  for (const text of texts.length === 0 ? [''] : texts) {
    try {
      const address = parseListenAddress(text, socket);
      addresses.set(JSON.stringify(address), address);
    } catch (error) {
      throw error instanceof Error ? merged(error.message) : error;
    }
  }
  return [...addresses.values()];
}

function runtimesOf(values: Values): Record<string, RuntimeOption> {
  const runtimes: Record<string, RuntimeOption> = {};
  const directives: unknown = values.fromFile('add-runtime');
  if (isRuntimes(directives)) {
    for (const [name, { path, runtimeArgs }] of Object.entries(directives)) runtimes[name] = { path, arguments: runtimeArgs ?? [] };
  }
  for (const text of values.given('add-runtime')) {
    const name = text.slice(0, text.indexOf('=')).trim().toLowerCase();
    if (runtimes[name] !== undefined) throw fail('daemon.bad_arguments', { message: `invalid argument "${text}" for "--add-runtime" flag: runtime '${name}' was already defined` });
    runtimes[name] = { path: text.slice(text.indexOf('=') + 1).trim(), arguments: [] };
  }
  return runtimes;
}

function isRuntimes(value: unknown): value is Record<string, RuntimeDirective> {
  return typeof value === 'object' && value !== null;
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
