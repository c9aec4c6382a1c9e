/**
 * Devices that vendors describe in files of the Container Device Interface (CDI): JSON or YAML, in directories of
 * which later ones count more. What is wrong with one file or name keeps only that from being used.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '#base/errors/failure.ts';

export interface DeviceEdit {
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface HookEdit {
  readonly hookName: string;
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number;
}

/** `containerEdits`. */
export interface ContainerEdits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly DeviceEdit[];
  readonly mounts?: readonly { readonly hostPath: string; readonly containerPath: string; readonly options?: readonly string[]; readonly type?: string }[];
  readonly hooks?: readonly HookEdit[];
  readonly additionalGids?: readonly number[];
}

export interface CatalogDevice {
  readonly edits: ContainerEdits;
  /** What goes with every device of its file, once. */
  readonly common: { readonly edits: ContainerEdits };
}

export interface DeviceCatalog {
  /** By qualified name, `vendor.com/class=name`. */
  readonly devices: ReadonlyMap<string, CatalogDevice>;
  /** By the file's path. */
  readonly faults: ReadonlyMap<string, string>;
}

/** Read anew each time: vendors' tools write these files whenever the machine's devices change. */
export async function readDeviceCatalog(directories: readonly string[]): Promise<DeviceCatalog> {
  const devices = new Map<string, CatalogDevice>();
  const faults = new Map<string, string>();
  for (const directory of directories) {
    const here = new Map<string, CatalogDevice | undefined>();
    for (const file of await filesIn(directory)) {
      const path = join(directory, file);
      try {
        for (const [name, device] of devicesOf(await parse(path))) {
          // Two of one name, equally important: neither is meant.
          if (here.has(name)) faults.set(path, `conflicting device ${name}`);
          here.set(name, here.has(name) ? undefined : device);
        }
      } catch (error) {
        faults.set(path, messageOf(error));
      }
    }
    for (const [name, device] of here) {
      if (device === undefined) devices.delete(name);
      else devices.set(name, device);
    }
  }
  return { devices, faults };
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => /\.(json|ya?ml)$/.test(name)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

async function parse(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  if (path.endsWith('.json')) return JSON.parse(text);
  // Most machines have no such files, and do not load the parser.
  const { parse: parseYaml } = await import('yaml');
  return parseYaml(text);
}

/** @throws Error for a document that is none */
function* devicesOf(document: unknown): Generator<readonly [name: string, device: CatalogDevice]> {
  if (!isObject(document)) throw new Error('it is no CDI specification');
  const { cdiVersion, kind, devices, containerEdits } = document;
  if (typeof cdiVersion !== 'string' || !/^v?\d+\.\d+\.\d+$/.test(cdiVersion)) throw new Error(`invalid version ${JSON.stringify(cdiVersion)}`);
  if (typeof kind !== 'string' || !/^[A-Za-z][\w.-]*\/[A-Za-z][\w.-]*$/.test(kind)) throw new Error(`invalid kind ${JSON.stringify(kind)}`);
  if (!Array.isArray(devices) || devices.length === 0) throw new Error('no devices');
  const common = { edits: editsOf(containerEdits) };
  for (const device of devices as readonly unknown[]) {
    if (!isObject(device) || typeof device['name'] !== 'string' || !/^[A-Za-z0-9][\w.:-]*$/.test(device['name'])) throw new Error('invalid device, its name is missing or malformed');
    yield [`${kind}=${device['name']}`, { edits: editsOf(device['containerEdits']), common }];
  }
}

/** @throws Error where what the edits need is missing */
function editsOf(value: unknown): ContainerEdits {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new Error('invalid containerEdits');
  const { env, deviceNodes, mounts, hooks, additionalGids } = value;
  const edits: Record<string, unknown> = {
    ...(env !== undefined && { env: listOf(env, 'env', (entry) => typeof entry === 'string' && /^[^=]+=/.test(entry)) }),
    ...(deviceNodes !== undefined && { deviceNodes: listOf(deviceNodes, 'device node', (entry) => isObject(entry) && isPath(entry['path'])) }),
    ...(mounts !== undefined && { mounts: listOf(mounts, 'mount', (entry) => isObject(entry) && typeof entry['hostPath'] === 'string' && isPath(entry['containerPath'])) }),
    ...(hooks !== undefined && { hooks: listOf(hooks, 'hook', (entry) => isObject(entry) && hookNames.has(String(entry['hookName'])) && isPath(entry['path'])) }),
    ...(additionalGids !== undefined && { additionalGids: listOf(additionalGids, 'additional GID', (entry) => typeof entry === 'number') }),
  };
  return edits;
}

export const hookNames: ReadonlySet<string> = new Set(['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']);

function listOf(value: unknown, what: string, fits: (entry: unknown) => boolean): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`invalid ${what}s: no list`);
  const entries: readonly unknown[] = value;
  const wrong = entries.find((entry) => !fits(entry));
  if (wrong !== undefined) throw new Error(`invalid ${what} ${JSON.stringify(wrong)}`);
  return entries;
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('/');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
