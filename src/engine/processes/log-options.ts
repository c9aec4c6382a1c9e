/** The shim's log options from a container's `LogConfig`: the json-file driver's `--log-opt`s, checked with Docker's texts. Pure. */
import { fail, messageOf } from '#base/errors/failure.ts';
import { parseBinarySize } from '#base/parse-size.ts';
import type { LogConfig } from '#schema/container-config.ts';
import type { LogOptions } from '#runtime/contract.ts';
import type { ContainerRecord } from '../containers/container-record.ts';

const knownDrivers = new Set(['json-file', 'none']);
const jsonFileOptions = new Set(['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']);

/** @throws container.log_options_invalid */
export function checkLogConfig(config: LogConfig): void {
  const type = config.Type === '' ? 'json-file' : config.Type;
  const options = config.Config ?? {};
  if (!knownDrivers.has(type)) throw invalid(`logger: no log driver named '${type}' is registered`);
  if (type === 'none') return;
  for (const name of Object.keys(options)) {
    if (!jsonFileOptions.has(name)) throw invalid(`unknown log opt '${name}' for json-file log driver`);
  }
  const size = options['max-size'];
  if (size !== undefined) sizeOf(size);
  const files = options['max-file'];
  if (files !== undefined && !/^[+-]?\d+$/.test(files)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`);
  if (files !== undefined && Number(files) < 1) throw invalid('max-file cannot be less than 1');
}

/** Undefined: no log is kept. */
export function logOptionsOf(record: ContainerRecord, path: string): LogOptions | undefined {
  const { Type, Config } = record.hostConfig.LogConfig;
  if (Type === 'none') return undefined;
  const options = Config ?? {};
  const maxSize = options['max-size'] === undefined ? 0 : sizeOf(options['max-size']);
  const attributes = attributesOf(record, options);
  return {
    path,
    maxSize: Math.max(0, maxSize),
    maxFiles: Number(options['max-file'] ?? 1),
    attributes: Object.keys(attributes).length === 0 ? undefined : JSON.stringify(attributes),
  };
}

/** Labels and variables that every line carries. */
function attributesOf(record: ContainerRecord, options: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  const variables = Object.fromEntries((record.config.Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
  const collect = (names: string | undefined, pattern: string | undefined, from: Readonly<Record<string, string>>): void => {
    const listed = new Set((names ?? '').split(',').filter((name) => name !== ''));
    const expression = pattern === undefined ? undefined : new RegExp(pattern);
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

function sizeOf(text: string): number {
  try {
    return parseBinarySize(text);
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

function invalid(message: string): Error {
  return fail('container.log_options_invalid', { message });
}
