/** Reads `daemon.json` with dockerd's rules: known directives only, none that is also given as a flag. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { fail, isFailure, messageOf, type EngineError as Failure } from '#base/errors/failure.ts';
import { quoteRune, quoteText } from '#base/template/go-quote.ts';
import type { Ulimit } from '#schema/container-config.ts';
import { JsonNumber, type JsonDocument, type JsonObject } from '#base/json-document.ts';
import { builderShape } from './builder-options.ts';
import { flag, int64, list, record, struct, table, text, unlessEmpty, whenGiven, type OptionalShape, type Shape } from '#base/json-shape.ts';
import { decode } from '#api/body/decode.ts';
import { parseJson } from '#api/body/parse-json.ts';
import { optionTable, type OptionRow } from './option-table.ts';
import { prefixFault, readMemorySize, type AddressPoolOption } from './option-values.ts';
import type { GivenFlags } from './parse-arguments.ts';

/** Directives by key: booleans, numbers, texts, lists of texts, and objects as entries. */
export type FileValues = Readonly<Record<string, unknown>>;

const ulimitShape = struct<Ulimit>('units.Ulimit', { Name: text(), Hard: int64(), Soft: int64() });

/** A text that another type reads for itself: Go names no field where it is none. */
function parsed(goType: string, faultOf: (value: string) => string | undefined, noText: (value: Exclude<JsonDocument, null>) => string | undefined = () => undefined): Shape<string> {
  const plain = text(goType);
  return {
    goType,
    zero: () => '',
    read: (value) => {
      const fault = typeof value === 'string' ? faultOf(value) : noText(value);
      if (fault !== undefined) throw fail('api.invalid_json', { reason: fault });
      return plain.read(value);
    },
  };
}

const addressShape = parsed('net.IP', (value) => (value === '' || isIP(value) !== 0 ? undefined : `invalid IP address: ${value}`));
const gatewayShape = parsed('netip.Addr', (value) => (isIP(value) === 0 ? `ParseAddr(${quoteText(value)}): unable to parse IP` : undefined));
const sizeShape = parsed(
  'opts.MemBytes',
  (value) => {
    if (value === '') return 'invalid size: "\\"\\""';
    const reading = readMemorySize(value);
    return 'fault' in reading ? reading.fault : undefined;
  },
  (value) => `invalid size: ${quoteText(show(value))}`,
);

const poolShape: Shape<AddressPoolOption> = struct<AddressPoolOption>('ipamutils.NetworkToSplit', { base: parsed('netip.Prefix', prefixFault), size: int64('int') });
/** Docker decodes these by themselves, so that a mismatch is told without a field. */
const poolsShape: Shape<AddressPoolOption[] | null> = {
  ...list(poolShape, '[]*ipamutils.NetworkToSplit'),
  read: (value) => decode(list(poolShape, '[]*ipamutils.NetworkToSplit'), value, ''),
};

/** Objects that are one directive; others hold directives, as `proxies` does. */
const wholeObjects: ReadonlySet<string> = new Set(['default-network-opts', 'log-opts', 'runtimes', 'default-ulimits', 'features', 'builder', 'registries']);
/** Known to Docker without being a flag. */
const keysWithoutFlag: ReadonlySet<string> = new Set(['builder', 'registries', 'deprecated-key-path', 'network-diagnostic-port', 'host-gateway-ip']);
/** May be given both ways: the two are joined. */
const joinedKeys: ReadonlySet<string> = new Set(['runtimes']);

/** A runtime of the file. */
export interface RuntimeDirective {
  readonly path: string;
  readonly runtimeArgs?: string[];
  readonly runtimeType?: string;
  /** Of a runtime that is named by its type. */
  readonly options?: JsonDocument;
}

const runtimeShape = struct<RuntimeDirective>('system.Runtime', {
  path: text(),
  runtimeArgs: unlessEmpty(list(text())),
  runtimeType: unlessEmpty(text()),
  options: { optional: true, goType: 'map[string]interface {}', read: (value) => value },
});

/**
 * @returns undefined where there is no such file
 * @throws daemon.bad_configuration with dockerd's texts
 */
export function readConfigurationFile(path: string, given: GivenFlags): FileValues | undefined {
  const refuse = (reason: string, cause?: unknown): Failure => fail('daemon.bad_configuration', { path, reason }, cause);
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw refuse(messageOf(error), error);
  }
  if (content.trim() === '') return {};
  const document = parse(content, refuse);
  if (document === null) return {};
  if (!isObject(document)) throw refuse(`invalid JSON: json: cannot unmarshal ${sortOf(document)} into Go value of type map[string]interface {}`);
  const directives = flatten(document);
  const unknown = [...directives.keys()].filter((key) => !isKnown(key));
  if (unknown.length > 0) throw refuse(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  if (directives.has('api-cors-header')) throw refuse(`${mergedFailure}${corsText}`);
  const conflicts = optionTable.flatMap((option) => conflictOf(option, directives, given));
  if (conflicts.length > 0) throw refuse(`the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}`);
  try {
    const values = decode(table('config.Config', shapes()), directives, 'Config');
    const { 'host-gateway-ip': single, ...others } = values;
    if (single === undefined) return values;
    if (others['host-gateway-ips'] !== undefined) throw refuse('host-gateway-ip and host-gateway-ips must not both be specified in the config file');
    return { ...others, 'host-gateway-ips': [single] };
  } catch (error) {
    if (!isFailure(error, 'api.invalid_json')) throw error;
    throw refuse(error.message, error);
  }
}

/** UTF-8, or UTF-16 where a byte order mark says so. */
function readText(path: string): string {
  const bytes = readFileSync(path);
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

function parse(content: string, refuse: (reason: string, cause?: unknown) => Failure): JsonDocument {
  try {
    return parseJson(content.trim());
  } catch (error) {
    if (isFailure(error, 'api.content_after_json')) throw refuse(`invalid JSON: invalid character ${quoteRune(String(error.details['next']).codePointAt(0) ?? 0)} after top-level value`, error);
    if (!isFailure(error, 'api.invalid_json')) throw error;
    throw refuse(error.message.replace(/unexpected EOF$/, 'unexpected end of JSON input'), error);
  }
}

function flatten(document: JsonObject): Map<string, JsonDocument> {
  const directives = new Map<string, JsonDocument>();
  for (const [key, value] of document) {
    if (isObject(value) && !wholeObjects.has(key)) for (const [inner, innerValue] of value) directives.set(inner, innerValue);
    else directives.set(key, value);
  }
  return directives;
}

const mergedFailure = 'merged configuration validation from file and command line flags failed: ';
const corsText = 'DEPRECATED: The "api-cors-header" config parameter and the dockerd "--api-cors-header" option have been removed; use a reverse proxy if you need CORS headers';

function isKnown(key: string): boolean {
  return key === 'api-cors-header' || keysWithoutFlag.has(key) || optionTable.some((option) => option.flag === key || option.key === key);
}

function conflictOf(option: OptionRow, directives: ReadonlyMap<string, JsonDocument>, given: GivenFlags): string[] {
  const values = given.get(option.flag);
  if (values === undefined || option.key === undefined || joinedKeys.has(option.key)) return [];
  const value = directives.get(option.key);
  if (value === undefined) return [];
  if (option.key === 'features') return [`features: (from flag: ${asMap(values)}, from file: ${show(value)})`];
  const fromFlag = option.flag === 'default-address-pool' ? values.map((pool) => pool.replace(/base=([^,]*),size=/, '$1 ')).join(' ') : option.kind === 'list' ? `[${values.join(' ')}]` : option.kind === 'pairs' ? asMap(values) : (values.at(-1) ?? '');
  return [`${option.key}: (from flag: ${fromFlag}, from file: ${show(value)})`];
}

function asMap(pairs: readonly string[]): string {
  return `map[${pairs.map((pair) => pair.replace('=', ':')).join(' ')}]`;
}

/** As Go's `%v` shows it. */
function show(value: JsonDocument): string {
  if (value === null) return '<nil>';
  if (value instanceof JsonNumber) return value.text;
  if (isObject(value)) return `map[${[...value].map(([key, item]) => `${key}:${show(item)}`).sort().join(' ')}]`;
  return isList(value) ? `[${value.map(show).join(' ')}]` : String(value);
}

/** How one registry is reached; a key of our own. */
export interface RegistryDirective {
  /** Asked before the registry itself, in this order. */
  readonly mirrors?: string[];
}

const registryShape = struct<RegistryDirective>('config.Registry', { mirrors: unlessEmpty(list(text())) });

/** Keys whose values are neither a scalar nor a list of texts. */
const specialShapes: Readonly<Record<string, OptionalShape<unknown>>> = {
  runtimes: whenGiven(record(runtimeShape, 'map[string]system.Runtime')),
  registries: whenGiven(record(registryShape, 'map[string]config.Registry')),
  features: whenGiven(record(flag)),
  builder: whenGiven(builderShape),
  'default-network-opts': whenGiven(record(record(text()), 'map[string]map[string]string')),
  'default-ulimits': whenGiven(record(ulimitShape, 'map[string]*units.Ulimit')),
  'default-address-pools': whenGiven(poolsShape),
  'default-shm-size': whenGiven(sizeShape),
  dns: whenGiven(list(addressShape, '[]net.IP')),
  'default-gateway': whenGiven(addressShape),
  'default-gateway-v6': whenGiven(addressShape),
  ip: whenGiven(addressShape),
  'host-gateway-ip': whenGiven(addressShape),
  'host-gateway-ips': whenGiven(list(gatewayShape, '[]netip.Addr')),
  'network-diagnostic-port': whenGiven(int64('int')),
};

function shapes(): Record<string, OptionalShape<unknown>> {
  const result: Record<string, OptionalShape<unknown>> = {};
  for (const { key, kind } of optionTable) {
    if (key !== undefined) result[key] = kind === 'pairs' ? whenGiven(record(text())) : scalarShape(kind);
  }
  return { ...result, ...specialShapes };
}

function scalarShape(kind: Exclude<OptionRow['kind'], 'pairs'>): OptionalShape<unknown> {
  switch (kind) {
    case 'boolean':
      return whenGiven(flag);
    case 'integer':
      return whenGiven(int64('int'));
    case 'list':
      return whenGiven(list(text()));
    case 'text':
      return whenGiven(text());
  }
}

function isObject(value: JsonDocument): value is JsonObject {
  return value instanceof Map;
}

function isList(value: JsonDocument): value is readonly JsonDocument[] {
  return Array.isArray(value);
}

function sortOf(value: JsonDocument): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return 'number';
  return isList(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
}
