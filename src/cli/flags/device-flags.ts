/** Flags of devices and limits: rates, weights, GPUs, ulimits. */
import { parseCsvRecord } from '#base/csv-record.ts';
import type { Flag, FlagOptions } from '#cli/flag.ts';
import { parseSize } from '#cli/parse-size.ts';
import { parseInteger, parseUnsigned } from '#cli/go-number.ts';
import type { DeviceRequest, ThrottleDevice, Ulimit, WeightDevice } from '#schema/container-config.ts';

/** `/dev/sda:1mb`, or with `perSecond: 'operations'` `/dev/sda:1000`. */
export function throttleFlag(options: FlagOptions & { unit: 'bytes' | 'operations' }): Flag<readonly ThrottleDevice[]> {
  const { unit, ...rest } = options;
  return {
    ...rest, type: 'list', shownDefault: '[]', initial: [],
    add: (current, text) => {
      const [path, value] = splitDevice(text);
      const unitHelp = unit === 'bytes' ? '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb' : '<device-path>:<number>. Number must be a positive integer';
      try {
        return [...current, { Path: path, Rate: unit === 'bytes' ? parseSize(value) : parseUnsigned(value, 64, 10) }];
      } catch (error) {
        throw new Error(`invalid rate for device: ${text}. The correct format is ${unitHelp}`, { cause: error });
      }
    },
  };
}

/** `/dev/sda:500`. */
export function weightFlag(options: FlagOptions): Flag<readonly WeightDevice[]> {
  return {
    ...options, type: 'list', shownDefault: '[]', initial: [],
    add: (current, text) => {
      const [path, value] = splitDevice(text);
      let weight: number;
      try {
        weight = parseUnsigned(value, 16, 10);
      } catch (error) {
        throw new Error(`invalid weight for device: ${text}`, { cause: error });
      }
      if (weight > 0 && (weight < 10 || weight > 1000)) throw new Error(`invalid weight for device: ${text}`);
      return [...current, { Path: path, Weight: weight }];
    },
  };
}

function splitDevice(text: string): [path: string, value: string] {
  const cut = text.indexOf(':');
  if (cut <= 0) throw new Error(`bad format: ${text}`);
  const path = text.slice(0, cut);
  if (!path.startsWith('/dev/')) throw new Error(`bad format for device path: ${text}`);
  return [path, text.slice(cut + 1)];
}

const limitNames = new Set(['core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack']);

/** `nofile=1024:2048`; a later limit of a name replaces the earlier. Sorted by name. */
export function ulimitFlag(options: FlagOptions): Flag<readonly Ulimit[]> {
  return {
    ...options, type: 'ulimit', shownDefault: '[]', initial: [],
    add: (current, text) => {
      const limit = parseUlimit(text);
      return [...current.filter((one) => one.Name !== limit.Name), limit].sort((left, right) => (left.Name < right.Name ? -1 : 1));
    },
  };
}

function parseUlimit(text: string): Ulimit {
  const cut = text.indexOf('=');
  if (cut < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, cut);
  const values = text.slice(cut + 1);
  if (!limitNames.has(name)) throw new Error(`invalid ulimit type: ${name}`);
  const parts = values.split(':');
  if (parts.length > 2) throw new Error(`too many limit value arguments - ${values}, can only have up to two, \`soft[:hard]\``);
  const hardText = parts[1];
  const explicit = hardText === undefined ? undefined : parseInteger(hardText, 10);
  const soft = parseInteger(parts[0] ?? '', 10);
  const hard = explicit ?? soft;
  if (hard !== -1) {
    if (soft === -1) throw new Error(`ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${hard}`);
    if (soft > hard) throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  }
  return { Name: name, Soft: soft, Hard: hard };
}

/** `all`, `2`, or `count=1,capabilities=compute,device=0`. */
export function gpuFlag(options: FlagOptions): Flag<readonly DeviceRequest[]> {
  return { ...options, type: 'gpu-request', initial: [], add: (current, text) => [...current, parseGpuRequest(text)] };
}

function parseGpuRequest(text: string): DeviceRequest {
  const request: DeviceRequest = { Driver: '', Count: 0, DeviceIDs: null, Capabilities: [['gpu']], Options: {} };
  const seen = new Set<string>();
  for (const field of parseCsvRecord(text)) {
    const cut = field.indexOf('=');
    const key = cut < 0 ? field : field.slice(0, cut);
    const value = cut < 0 ? '' : field.slice(cut + 1);
    if (seen.has(key)) throw new Error(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (cut < 0) {
      seen.add('count');
      request.Count = parseCount(key);
    } else if (key === 'driver') request.Driver = value;
    else if (key === 'count') request.Count = parseCount(value);
    else if (key === 'device') request.DeviceIDs = value.split(',');
    else if (key === 'capabilities') request.Capabilities = [[...value.split(','), 'gpu']];
    else if (key === 'options') request.Options = optionsOf(value);
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (!seen.has('count') && request.DeviceIDs === null) request.Count = 1;
  return request;
}

function optionsOf(value: string): Record<string, string> {
  try {
    return Object.fromEntries(parseCsvRecord(value).map((pair) => {
      const cut = pair.indexOf('=');
      return cut < 0 ? [pair, ''] : [pair.slice(0, cut), pair.slice(cut + 1)];
    }));
  } catch (error) {
    throw new Error(`failed to read gpu options: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function parseCount(text: string): number {
  if (text === 'all') return -1;
  try {
    return parseInteger(text, 10);
  } catch (error) {
    const reason = error instanceof Error && error.message.endsWith('value out of range') ? 'value out of range' : 'invalid syntax';
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: ${reason}`, { cause: error });
  }
}
