/** Reads `daemon.json` with dockerd's rules: known directives only, none that is also given as a flag. */
import { readFileSync } from 'node:fs';
import { EngineError, fail, isFailure, messageOf, type EngineError as Failure } from '#base/errors/failure.ts';
import { JsonNumber, type JsonDocument, type JsonObject } from '#base/json-document.ts';
import { decode, flag, int64, list, record, struct, table, text, unlessEmpty, whenGiven, type OptionalShape } from '#api/body/json-shape.ts';
import { parseJson } from '#api/body/parse-json.ts';
import { optionTable, type OptionRow } from './option-table.ts';
import type { GivenFlags } from './parse-arguments.ts';

/** Directives by key: booleans, numbers, texts, lists of texts, and objects as entries. */
export type FileValues = Readonly<Record<string, unknown>>;

/** Objects that are one directive; others hold directives, as `proxies` does. */
const wholeObjects: ReadonlySet<string> = new Set(['default-network-opts', 'log-opts', 'runtimes', 'default-ulimits', 'features', 'builder']);
/** Known to Docker without being a flag. */
const keysWithoutFlag: ReadonlySet<string> = new Set(['features', 'builder', 'deprecated-key-path', 'allow-nondistributable-artifacts']);
/** May be given both ways: the two are joined. */
const joinedKeys: ReadonlySet<string> = new Set(['runtimes']);

/** A runtime of the file. */
export interface RuntimeDirective {
  readonly path: string;
  readonly runtimeArgs?: string[];
}

const runtimeShape = struct<RuntimeDirective>('types.Runtime', { path: text(), runtimeArgs: unlessEmpty(list(text())) });

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
  const conflicts = optionTable.flatMap((option) => conflictOf(option, directives, given));
  if (conflicts.length > 0) throw refuse(`the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}`);
  try {
    return decode(table('config.Config', shapes()), directives, 'Config');
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
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
    if (isFailure(error, 'api.content_after_json')) throw refuse('invalid JSON: there is something after the top-level value', error);
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

function isKnown(key: string): boolean {
  return keysWithoutFlag.has(key) || optionTable.some((option) => option.flag === key || option.key === key);
}

function conflictOf(option: OptionRow, directives: ReadonlyMap<string, JsonDocument>, given: GivenFlags): string[] {
  const values = given.get(option.flag);
  if (values === undefined || option.key === undefined || joinedKeys.has(option.key)) return [];
  const value = directives.get(option.key);
  if (value === undefined) return [];
  const fromFlag = option.kind === 'list' ? `[${values.join(' ')}]` : option.kind === 'pairs' ? `map[${values.map((pair) => pair.replace('=', ':')).join(' ')}]` : (values.at(-1) ?? '');
  return [`${option.key}: (from flag: ${fromFlag}, from file: ${show(value)})`];
}

/** As Go's `%v` shows it. */
function show(value: JsonDocument): string {
  if (value === null) return '<nil>';
  if (value instanceof JsonNumber) return value.text;
  if (isObject(value)) return `map[${[...value].map(([key, item]) => `${key}:${show(item)}`).sort().join(' ')}]`;
  return isList(value) ? `[${value.map(show).join(' ')}]` : String(value);
}

function shapes(): Record<string, OptionalShape<unknown>> {
  const result: Record<string, OptionalShape<unknown>> = {};
  for (const { key, kind } of optionTable) {
    if (key === undefined) continue;
    // Directives without effect hold what they hold: lists of pools, objects of limits.
    result[key] = key === 'runtimes' ? whenGiven(record(runtimeShape, 'map[string]types.Runtime')) : kind === 'pairs' ? whenGiven(record(text())) : scalarShape(kind);
  }
  for (const key of ['features', 'builder', 'default-network-opts', 'default-ulimits', 'default-address-pools']) result[key] = { optional: true, goType: 'any', read: () => undefined };
  return result;
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
