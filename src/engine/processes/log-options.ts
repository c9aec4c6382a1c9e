/**
 * The shim's log options from a container's `LogConfig`, checked with Docker's texts: names at create, values
 * when the container starts. The `local` driver keeps the same files as `json-file`, with its own defaults.
 */
import { fail, messageOf } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { LogConfig } from '#schema/container-config.ts';
import type { LogOptions } from '#runtime/contract.ts';
import type { ContainerRecord } from '../containers/container-record.ts';

type Options = Readonly<Record<string, string>>;

/** Options that Docker deals with itself, whatever the driver. */
const commonOptions = new Set(['mode', 'max-buffer-size']);
const jsonFileOptions = new Set(['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag']);
const localOptions = new Set(['max-file', 'max-size', 'compress']);
/** Bytes and files that the `local` driver keeps unless told otherwise. */
const localDefaults = { maxSize: 20 * 1024 * 1024, maxFiles: 5 } as const;

/** What is checked at create. @throws container.log_options_invalid, container.log_driver_unknown */
export function checkLogConfig(config: LogConfig): void {
  const type = config.Type === '' ? 'json-file' : config.Type;
  const options = config.Config ?? {};
  if (type === 'none') return;
  const mode = options['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`);
  if (options['max-buffer-size'] !== undefined) {
    if (mode !== 'non-blocking') throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    sizeOf(options['max-buffer-size'], (reason) => invalid(`logger: error parsing option max-buffer-size: ${reason}`));
  }
  const given = Object.keys(options).filter((name) => !commonOptions.has(name));
  if (type === 'json-file') {
    const unknown = given.find((name) => !jsonFileOptions.has(name));
    if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for json-file log driver`);
  } else if (type === 'local') {
    const unknown = given.find((name) => !localOptions.has(name));
    if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for log driver local`);
  } else throw fail('container.log_driver_unknown', { driver: type });
}

/** Undefined: no log is kept. @throws container.start_failed for values that are none */
export function logOptionsOf(record: ContainerRecord, path: string): LogOptions | undefined {
  const { Type, Config } = record.hostConfig.LogConfig;
  if (Type === 'none') return undefined;
  const options = Config ?? {};
  if (Type === 'local') return { path, ...localLimits(options), attributes: undefined };
  const limits = jsonFileLimits(options);
  const attributes = attributesOf(record, options);
  return { path, ...limits, attributes: Object.keys(attributes).length === 0 ? undefined : JSON.stringify(attributes) };
}

function jsonFileLimits(options: Options): { maxSize: number; maxFiles: number } {
  const maxSize = options['max-size'] === undefined ? 0 : sizeOf(options['max-size'], refused);
  if (options['max-size'] !== undefined && maxSize <= 0) throw refused('max-size must be a positive number');
  const maxFiles = options['max-file'] === undefined ? 1 : integerOf(options['max-file'], refused);
  if (maxFiles < 1) throw refused('max-file cannot be less than 1');
  const compress = options['compress'] === undefined ? false : booleanOf(options['compress'], refused);
  if (compress && (maxFiles === 1 || maxSize === 0)) throw refused('compress cannot be true when max-file is less than 2 or max-size is not set');
  return { maxSize, maxFiles };
}

function localLimits(options: Options): { maxSize: number; maxFiles: number } {
  const named = (name: string) => (reason: string): Error => refused(`invalid value for ${name}: ${options[name] ?? ''}: ${reason}`);
  const maxSize = options['max-size'] === undefined ? localDefaults.maxSize : sizeOf(options['max-size'], named('max-size'));
  const maxFiles = options['max-file'] === undefined ? localDefaults.maxFiles : integerOf(options['max-file'], named('max-file'));
  const compress = options['compress'] === undefined ? true : booleanOf(options['compress'], (reason) => refused(`error reading compress log option: ${reason}`));
  if (compress && maxFiles <= 1) throw refused('compression cannot be enabled when max file count is 1');
  if (maxFiles < 1) throw refused('max file count cannot be less than 1');
  return { maxSize: Math.max(0, maxSize), maxFiles };
}

/** Labels and variables that every line carries. */
function attributesOf(record: ContainerRecord, options: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  const variables = Object.fromEntries((record.config.Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
  const collect = (names: string | undefined, pattern: string | undefined, from: Readonly<Record<string, string>>): void => {
    const listed = new Set((names ?? '').split(',').filter((name) => name !== ''));
    const expression = pattern === undefined ? undefined : expressionOf(pattern);
    for (const [name, value] of Object.entries(from)) if (listed.has(name) || expression?.test(name) === true) found[name] = value;
  };
  collect(options['labels'], options['labels-regex'], record.config.Labels);
  collect(options['env'], options['env-regex'], variables);
  const { tag } = options;
  if (tag !== undefined && tag !== '') found['tag'] = expandTag(tag, record);
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The placeholders of Docker's log tags. */
function expandTag(tag: string, record: ContainerRecord): string {
  const values: Readonly<Record<string, string>> = {
    ID: record.id.slice(0, 12),
    FullID: record.id,
    Name: record.name,
    ImageID: record.imageId.replace(/^sha256:/, '').slice(0, 12),
    ImageFullID: record.imageId,
    ImageName: record.config.Image,
    DaemonName: 'docker',
  };
  return tag.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw refused(`error parsing regexp: ${messageOf(error)}`);
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

function refused(reason: string): Error {
  return fail('container.start_failed', { message: `failed to create task for container: failed to initialize logging driver: ${reason}` });
}
