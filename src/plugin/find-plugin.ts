/**
 * Where plugins are found: sockets `<name>.sock` and specifications `<name>.spec` (an address) or `<name>.json`
 * (address and TLS files), each also in a directory of its name. Docker's own places, as plugins install themselves there.
 */
import { readdirSync, readFileSync, statSync, type Dirent } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { goJsonFault } from '#base/go-json.ts';

export interface PluginPlaces {
  /** Directories of sockets, first one first. */
  readonly sockets: readonly string[];
  /** Directories of specifications. */
  readonly specifications: readonly string[];
}

export interface PluginAddress {
  /** `unix:///path`, `tcp://host:port`, `http://…` or `https://…`. */
  readonly url: string;
  readonly tls?: { readonly insecure: boolean; readonly caFile: string; readonly certFile: string; readonly keyFile: string } | undefined;
}

/** Undefined: there is none. @throws plugin.specification_invalid */
export function findPlugin({ sockets, specifications }: PluginPlaces, name: string): PluginAddress | undefined {
  // A name is a file's name, not a way to one.
  if (name.includes('/') || name.includes('\0') || name === '' || name === '.' || name === '..') return undefined;
  for (const directory of sockets) {
    for (const path of placesOf(directory, name, '.sock')) if (kindOf(path) === 'socket') return { url: `unix://${path}` };
  }
  for (const directory of specifications) {
    for (const path of placesOf(directory, name, '.spec')) if (kindOf(path) !== undefined) return readAddress(path);
    for (const path of placesOf(directory, name, '.json')) if (kindOf(path) !== undefined) return readJson(path);
  }
  return undefined;
}

/** The names of all there are, each once. */
export function pluginNames({ sockets, specifications }: PluginPlaces): string[] {
  const names = new Set<string>();
  for (const directory of sockets) {
    for (const entry of entriesOf(directory)) {
      const path = entry.isDirectory() ? join(directory, entry.name, `${entry.name}.sock`) : join(directory, entry.name);
      if (kindOf(path) === 'socket') names.add(stem(path));
    }
  }
  for (const directory of specifications) {
    for (const entry of entriesOf(directory)) {
      const inside = entry.isDirectory() ? entriesOf(join(directory, entry.name)).find(({ name }) => stem(name) === entry.name)?.name : entry.name;
      if (inside !== undefined && /\.(spec|json)$/.test(inside)) names.add(stem(inside));
    }
  }
  return [...names];
}

function placesOf(directory: string, name: string, extension: string): string[] {
  return [join(directory, name + extension), join(directory, name, name + extension)];
}

function stem(path: string): string {
  return basename(path, extname(path));
}

function kindOf(path: string): 'socket' | 'other' | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? undefined : stats.isSocket() ? 'socket' : 'other';
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

function readAddress(path: string): PluginAddress {
  const url = readFileSync(path, 'utf8').trim();
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(url)) throw fail('plugin.specification_invalid', { reason: 'Unknown protocol' });
  return { url };
}

function readJson(path: string): PluginAddress {
  const text = readFileSync(path, 'utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw fail('plugin.specification_invalid', { reason: goJsonFault(text, 'decoder') ?? messageOf(error) }, error);
  }
  const url = fieldOf(document, 'Addr');
  if (typeof url !== 'string') throw fail('plugin.specification_invalid', { reason: `${path} has no Addr` });
  const tls = fieldOf(document, 'TLSConfig');
  if (typeof tls !== 'object' || tls === null) return { url };
  const file = (name: string): string => {
    const value = fieldOf(tls, name);
    return typeof value === 'string' ? value : '';
  };
  const caFile = file('CAFile');
  return { url, tls: { insecure: caFile === '' || fieldOf(tls, 'InsecureSkipVerify') === true, caFile, certFile: file('CertFile'), keyFile: file('KeyFile') } };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
