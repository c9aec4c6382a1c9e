/**
 * The shim's log options from a container's `LogConfig`, checked with Docker's texts: names at create, values
 * when the container starts. The `local` driver keeps the same files as `json-file`, with its own defaults; the
 * drivers that send to a server keep them as their buffer and for `logs`, by the `cache-` options.
 */
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { remoteDrivers } from '#logging/drivers/driver-table.ts';
import { extraAttributes, tagOf } from '#logging/drivers/log-attributes.ts';
import type { LogInfo } from '#logging/drivers/log-driver.ts';
import type { LogConfig } from '#schema/container-config.ts';
import type { LogOptions } from '#runtime/contract.ts';
import type { ContainerRecord } from '../containers/container-record.ts';

type Options = Readonly<Record<string, string>>;

/** What is kept of a log on this machine. */
export interface LogKeeping {
  readonly maxSize: number;
  readonly maxFiles: number;
  /** Whether rotated files are compressed. */
  readonly compress: boolean;
}

/** Options that Docker deals with itself, whatever the driver. */
const commonOptions = new Set(['mode', 'max-buffer-size', 'cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress']);
const jsonFileOptions = new Set(['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag']);
const localOptions = new Set(['max-file', 'max-size', 'compress']);
/** Bytes and files that the `local` driver keeps unless told otherwise. */
const localDefaults = { maxSize: 20 * 1024 * 1024, maxFiles: 5 } as const;
/** Bytes of a log that may wait to be sent before the container has to wait, where it is to lose nothing. */
const backlog = 1024 * 1024 * 1024;
/** What waits where nothing is kept for `logs`. */
const bufferSize = 1024 * 1024;

/** What is checked at create. @throws container.log_options_invalid, container.log_driver_unknown */
export function checkLogConfig(config: LogConfig): void {
  const type = config.Type === '' ? 'json-file' : config.Type;
  const options = config.Config ?? {};
  if (type === 'none') return;
  const mode = options['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`);
  if (options['max-buffer-size'] !== undefined) {
    if (mode !== 'non-blocking') throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    sizeOf(options['max-buffer-size'], (reason) => invalid(`error parsing option max-buffer-size: ${reason}`));
  }
  const uncached = options['cache-disabled'] ?? '';
  if (uncached !== '' && parseGoBoolean(uncached) === undefined) throw invalid(`invalid value for option cache-disabled: ${uncached}`);
  const given = Object.fromEntries(Object.entries(options).filter(([name]) => !commonOptions.has(name)));
  if (type === 'json-file') {
    const unknown = Object.keys(given).find((name) => !jsonFileOptions.has(name));
    if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for json-file log driver`);
  } else if (type === 'local') {
    const unknown = Object.keys(given).find((name) => !localOptions.has(name));
    if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for log driver local`);
  } else {
    const driver = remoteDrivers.get(type);
    if (driver === undefined) throw fail('container.log_driver_unknown', { driver: type });
    try {
      driver.validate(given);
    } catch (error) {
      if (isFailure(error, 'logging.driver_refused')) throw invalid(error.message);
      throw error;
    }
  }
}

/** What is kept on this machine; undefined: nothing. @throws container.start_failed for values that are none */
export function logKeepingOf({ Type, Config }: LogConfig): LogKeeping | undefined {
  const options = Config ?? {};
  if (Type === 'none') return undefined;
  if (Type === 'local') return localLimits(options);
  if (!remoteDrivers.has(Type)) return jsonFileLimits(options);
  // A journal is read itself with Docker: the options of the cache say nothing.
  if (Type === 'journald') return localLimits({});
  const cached = Object.fromEntries(Object.entries(options).flatMap(([name, value]) => (name.startsWith('cache-') ? [[name.slice('cache-'.length), value]] : [])));
  if (isReadable({ Type, Config })) return localLimits(cached);
  const wanted = options['max-buffer-size'] === undefined ? bufferSize : sizeOf(options['max-buffer-size'], refused);
  return { maxSize: Math.max(wanted, bufferSize), maxFiles: options['mode'] === 'non-blocking' ? 2 : 1, compress: false };
}

/** Whether `logs` can read what the driver was given. */
export function isReadable({ Type, Config }: LogConfig): boolean {
  if (Type === 'none') return false;
  return !remoteDrivers.has(Type) || Type === 'journald' || parseGoBoolean(Config?.['cache-disabled'] ?? '') !== true;
}

/** The shim's options. Undefined: no log is kept. @throws container.start_failed for values that are none */
export function logOptionsOf(record: ContainerRecord, path: string): LogOptions | undefined {
  const { LogConfig } = record.hostConfig;
  const keeping = logKeepingOf(LogConfig);
  if (keeping === undefined) return undefined;
  const { maxSize, maxFiles, compress } = keeping;
  const shared = compress ? ({ sharing: 'compressed' } as const) : {};
  if (LogConfig.Type === 'local') return { path, maxSize, maxFiles, ...shared, attributes: undefined };
  if (remoteDrivers.has(LogConfig.Type)) {
    if (LogConfig.Config?.['mode'] === 'non-blocking') return { path, maxSize, maxFiles, sharing: 'compressed', attributes: undefined };
    return { path, maxSize, maxFiles: Math.max(maxFiles + 1, Math.ceil(backlog / Math.max(1, maxSize))), sharing: 'kept', attributes: undefined };
  }
  const attributes = attributesOf(record);
  return { path, maxSize, maxFiles, ...shared, attributes: Object.keys(attributes).length === 0 ? undefined : JSON.stringify(attributes) };
}

function jsonFileLimits(options: Options): LogKeeping {
  const maxSize = options['max-size'] === undefined ? 0 : sizeOf(options['max-size'], refused);
  if (options['max-size'] !== undefined && maxSize <= 0) throw refused('max-size must be a positive number');
  const maxFiles = options['max-file'] === undefined ? 1 : integerOf(options['max-file'], refused);
  if (maxFiles < 1) throw refused('max-file cannot be less than 1');
  const compress = options['compress'] === undefined ? false : booleanOf(options['compress'], refused);
  if (compress && (maxFiles === 1 || maxSize === 0)) throw refused('compress cannot be true when max-file is less than 2 or max-size is not set');
  return { maxSize, maxFiles, compress };
}

function localLimits(options: Options): LogKeeping {
  const named = (name: string) => (reason: string): Error => refused(`invalid value for ${name}: ${options[name] ?? ''}: ${reason}`);
  const maxSize = options['max-size'] === undefined ? localDefaults.maxSize : sizeOf(options['max-size'], named('max-size'));
  const maxFiles = options['max-file'] === undefined ? localDefaults.maxFiles : integerOf(options['max-file'], named('max-file'));
  const compress = options['compress'] === undefined ? true : booleanOf(options['compress'], (reason) => refused(`error reading compress log option: ${reason}`));
  if (compress && maxFiles <= 1) throw refused('compression cannot be enabled when max file count is 1');
  if (maxFiles < 1) throw refused('max file count cannot be less than 1');
  return { maxSize: Math.max(0, maxSize), maxFiles, compress };
}

/** What drivers may know of a container. */
export function logInfoOf(record: ContainerRecord): LogInfo {
  return {
    options: record.hostConfig.LogConfig.Config ?? {},
    containerId: record.id,
    containerName: `/${record.name}`,
    path: record.path,
    args: record.args,
    imageId: record.imageId,
    imageName: record.config.Image,
    created: record.created,
    env: record.config.Env ?? [],
    labels: record.config.Labels,
  };
}

/** Labels, variables and the tag that every line carries. */
function attributesOf(record: ContainerRecord): Record<string, string> {
  const info = logInfoOf(record);
  try {
    const found = extraAttributes(info);
    const tag = tagOf(info, '');
    return Object.fromEntries(Object.entries(tag === '' ? found : { ...found, tag }).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  } catch (error) {
    if (isFailure(error, 'logging.driver_refused')) throw refused(error.message);
    throw error;
  }
}

type Refusal = (reason: string) => Error;

function sizeOf(text: string, refuse: Refusal): number {
  try {
    return parseBinarySize(text);
  } catch (error) {
    throw refuse(messageOf(error));
  }
}

function integerOf(text: string, refuse: Refusal): number {
  if (!/^[+-]?\d+$/.test(text)) throw refuse(`strconv.Atoi: parsing ${quoteText(text)}: invalid syntax`);
  return Number(text);
}

function booleanOf(text: string, refuse: Refusal): boolean {
  const read = parseGoBoolean(text);
  if (read === undefined) throw refuse(`strconv.ParseBool: parsing ${quoteText(text)}: invalid syntax`);
  return read;
}

function invalid(message: string): Error {
  return fail('container.log_options_invalid', { message });
}

/** A logging driver that stands in the way of a start. */
export function refused(reason: string): Error {
  return fail('container.start_failed', { message: `failed to create task for container: failed to initialize logging driver: ${reason}` });
}
