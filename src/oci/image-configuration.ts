/**
 * The configuration file of an image: its id is the sha256 of these bytes, so they are kept as they came
 * (OCI image-spec config; Docker image spec 1.2 adds fields). Unknown fields are passed over.
 */
import { fail } from '#base/errors/failure.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import { digestFault } from './digest.ts';
import { asArray, asCount, asObject, asString, asStringMap, asStrings, optional, parseJson, type JsonObject } from './json-value.ts';
import type { Platform } from './platform.ts';

/** One step in the making of an image. */
export interface HistoryRecord {
  /** RFC 3339. */
  readonly created?: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly author: string;
  /** The step made no layer. */
  readonly emptyLayer: boolean;
}

export interface ImageConfiguration {
  /** RFC 3339. */
  readonly created?: string;
  readonly author: string;
  readonly comment: string;
  readonly dockerVersion: string;
  readonly os: string;
  readonly osVersion: string;
  readonly architecture: string;
  readonly variant: string;
  /** Undefined where the file has no `config`. */
  readonly config: ImageRuntimeConfig | undefined;
  readonly rootfsType: string;
  /** Bottom first. */
  readonly diffIds: readonly string[];
  readonly history: readonly HistoryRecord[];
}

/** Largest configuration file that is read. */
export const largestConfiguration = 8 * 1024 * 1024;

/** @throws image.invalid_document, image.no_rootfs, image.too_many_history_layers */
export function parseImageConfiguration(text: string): ImageConfiguration {
  const document = asObject(parseJson(text, 'image configuration'), 'image configuration');
  const string = (name: string): string => optional(document[name], name, asString) ?? '';
  if (document['rootfs'] === undefined || document['rootfs'] === null) throw fail('image.no_rootfs');
  const rootfs = asObject(document['rootfs'], 'rootfs');
  const diffIds = optional(rootfs['diff_ids'], 'rootfs.diff_ids', asStrings) ?? [];
  for (const diffId of diffIds) {
    const fault = digestFault(diffId);
    if (fault !== undefined) throw fail('image.invalid_document', { what: 'rootfs.diff_ids', reason: fault });
  }
  const history = (optional(document['history'], 'history', asArray) ?? []).map((entry, index) => readHistory(entry, `history[${index}]`));
  if (history.filter((entry) => !entry.emptyLayer).length > diffIds.length) throw fail('image.too_many_history_layers');
  const created = readMoment(document['created'], 'created');
  return {
    ...(created === undefined ? {} : { created }),
    author: string('author'),
    comment: string('comment'),
    dockerVersion: string('docker_version'),
    os: string('os'),
    osVersion: string('os.version'),
    architecture: string('architecture'),
    variant: string('variant'),
    config: optional(document['config'], 'config', readRuntimeConfig),
    rootfsType: optional(rootfs['type'], 'rootfs.type', asString) ?? '',
    diffIds,
    history,
  };
}

/** The platform a configuration names; an empty operating system is this one. */
export function platformOf(configuration: ImageConfiguration): Platform {
  const { os, architecture, variant, osVersion } = configuration;
  return { os: os === '' ? 'linux' : os, architecture, ...(variant === '' ? {} : { variant }), ...(osVersion === '' ? {} : { osVersion }) };
}

/** Reads the `config` object; fields that are not an image's are left out. */
export function readRuntimeConfig(value: unknown, what: string): ImageRuntimeConfig {
  const object = asObject(value, what);
  const get = <T>(name: string, read: (value: unknown, what: string) => T): T | undefined => optional(object[name], `${what}.${name}`, read);
  const config: ImageRuntimeConfig = {
    User: get('User', asString) ?? '',
    Env: get('Env', asStrings) ?? null,
    Cmd: get('Cmd', asCommand) ?? null,
    Entrypoint: get('Entrypoint', asCommand) ?? null,
    Volumes: get('Volumes', asSet) ?? null,
    WorkingDir: get('WorkingDir', asString) ?? '',
    Labels: get('Labels', asSortedStringMap) ?? null,
    OnBuild: get('OnBuild', asStrings) ?? null,
  };
  const ports = get('ExposedPorts', asSet);
  if (ports !== undefined && Object.keys(ports).length > 0) config.ExposedPorts = ports;
  const stopSignal = get('StopSignal', asString);
  if (stopSignal !== undefined && stopSignal !== '') config.StopSignal = stopSignal;
  if (get('ArgsEscaped', asBoolean) === true) config.ArgsEscaped = true;
  const shell = get('Shell', asStrings);
  if (shell !== undefined && shell.length > 0) config.Shell = shell;
  const health = get('Healthcheck', readHealthcheck);
  if (health !== undefined) config.Healthcheck = health;
  return config;
}

/** Fields in the order of their names, as Docker's inspect prints them. */
function readHealthcheck(value: unknown, what: string): NonNullable<ImageRuntimeConfig['Healthcheck']> {
  const object = asObject(value, what);
  const health: NonNullable<ImageRuntimeConfig['Healthcheck']> = {};
  const take = (name: 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval' | 'Retries'): void => {
    const number = optional(object[name], `${what}.${name}`, asInteger);
    if (number !== undefined && number !== 0) health[name] = number;
  };
  take('Interval');
  take('Retries');
  take('StartInterval');
  take('StartPeriod');
  const test = optional(object['Test'], `${what}.Test`, asStrings);
  if (test !== undefined && test.length > 0) health.Test = test;
  take('Timeout');
  return health;
}

function readHistory(value: unknown, what: string): HistoryRecord {
  const object = asObject(value, what);
  const string = (name: string): string => optional(object[name], `${what}.${name}`, asString) ?? '';
  const created = readMoment(object['created'], `${what}.created`);
  return {
    ...(created === undefined ? {} : { created }),
    createdBy: string('created_by'),
    comment: string('comment'),
    author: string('author'),
    emptyLayer: optional(object['empty_layer'], `${what}.empty_layer`, asBoolean) ?? false,
  };
}

function readMoment(value: unknown, what: string): string | undefined {
  const text = optional(value, what, asString);
  if (text !== undefined && parseTimestamp(text) === undefined) throw fail('image.invalid_document', { what, reason: `${JSON.stringify(text)} is not an RFC 3339 time` });
  return text;
}

/** Old files have a command as one string. */
function asCommand(value: unknown, what: string): string[] {
  return typeof value === 'string' ? [value] : asStrings(value, what);
}

function asSet(value: unknown, what: string): Record<string, Record<string, never>> {
  const object: JsonObject = asObject(value, what);
  return Object.fromEntries(Object.keys(object).sort().map((key) => [key, {}]));
}

/** In the order of keys, as Go prints maps. */
function asSortedStringMap(value: unknown, what: string): Record<string, string> {
  return Object.fromEntries(Object.entries(asStringMap(value, what)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function asBoolean(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value;
  throw fail('image.invalid_document', { what, reason: 'is not true or false' });
}

function asInteger(value: unknown, what: string): number {
  if (typeof value === 'number' && value < 0 && Number.isSafeInteger(-value)) return value;
  return asCount(value, what);
}
