/**
 * Volumes of the local driver: a directory each under `volumes/<name>/_data`, or a file system mounted
 * there while a container uses it (options `type`, `device`, `o`).
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, EngineError } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { directorySize } from '#kernel/directory-size.ts';
import { mount, readMounts, unmountAsync } from '#kernel/mounts.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { Volume, VolumeStore } from './contract.ts';
import { parseMountOptions } from './mount-options.ts';

type StoredVolume = Omit<Volume, 'mountpoint'>;

const allowedName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const gravePrefix = '.removed-';
const longestFileName = 255;
const knownOptions = new Set(['type', 'device', 'o']);

/** @param options.directory holds one directory per volume; made if missing */
export function createLocalVolumeStore(options: {
  directory: string;
  database: StateDatabase;
  onEvent: (action: 'create' | 'destroy', volume: { name: string; driver: string }) => void;
}): VolumeStore {
  const { directory } = options;
  const table: DocumentTable<StoredVolume> = options.database.table('volumes');
  const volumes = new Map(table.entries());
  /** Containers that use a volume which must be mounted. */
  const users = new Map<string, Set<string>>();
  const mutex = new KeyedMutex();
  mkdirSync(directory, { recursive: true, mode: 0o701 });

  const view = (stored: StoredVolume): Volume => ({ ...stored, mountpoint: join(directory, stored.name, '_data') });
  const require = (name: string): Volume => {
    const stored = volumes.get(name);
    if (stored === undefined) throw fail('volume.not_found', { name });
    return view(stored);
  };
  const isMounted = (mountpoint: string): boolean => readMounts().some((entry) => entry.mountPoint === mountpoint);

  return {
    create(request, announce) {
      const driver = request.driver === '' ? 'local' : request.driver;
      const anonymous = request.name === '';
      const name = anonymous ? newIdentifier() : request.name;
      if (driver !== 'local') throw fail('volume.driver_unknown', { name, driver });
      const existing = volumes.get(name);
      if (existing !== undefined) return view(existing);
      if (name.length === 1) throw fail('volume.name_too_short', { name });
      if (!allowedName.test(name)) throw fail('volume.name_invalid', { name });
      checkOptions(name, request.options);
      const labels = anonymous ? { ...request.labels, 'com.docker.volume.anonymous': '' } : request.labels;
      const stored: StoredVolume = {
        name,
        driver,
        createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        labels,
        options: request.options,
      };
      if (anonymous) announce?.(name);
      // The record first: a directory without one would be nobody's.
      table.put(name, stored);
      try {
        mkdirSync(join(directory, name, '_data'), { recursive: true, mode: 0o755 });
      } catch (error) {
        table.delete(name);
        throw error;
      }
      volumes.set(name, stored);
      options.onEvent('create', stored);
      return view(stored);
    },
    require,
    get: (name) => (volumes.has(name) ? require(name) : undefined),
    list: () => [...volumes.values()].map(view),

    async remove(name) {
      const volume = require(name);
      if (mustBeMounted(volume)) {
        await mutex.run(name, async () => {
          if (isMounted(volume.mountpoint)) await unmountAsync(volume.mountpoint);
        });
        require(name);
      }
      // In one step, so that nobody takes up a volume that goes; what a crash leaves of it is removed at start-up.
      const grave = join(directory, graveName(name));
      try {
        renameSync(join(directory, name), grave);
      } catch (error) {
        ignoreMissing(error);
      }
      table.delete(name);
      volumes.delete(name);
      users.delete(name);
      options.onEvent('destroy', volume);
      await rm(grave, { recursive: true, force: true });
    },

    async mount(name, user) {
      const volume = require(name);
      if (!mustBeMounted(volume)) return volume.mountpoint;
      return mutex.run(name, async () => {
        const holders = users.get(name) ?? new Set();
        if (!isMounted(volume.mountpoint)) mountDevice(volume);
        users.set(name, holders.add(user));
        return volume.mountpoint;
      });
    },

    async unmount(name, user) {
      const volume = volumes.get(name);
      const holders = users.get(name);
      if (volume === undefined || holders === undefined || !holders.delete(user) || holders.size > 0) return;
      await mutex.run(name, async () => {
        if ((users.get(name)?.size ?? 0) === 0) await unmountAsync(view(volume).mountpoint);
      });
    },

    size: async (name) => directorySize(require(name).mountpoint),

    async repair(running) {
      // Removals that a crash cut short between directory and record.
      for (const grave of await readdir(directory)) {
        const name = buriedName(grave);
        if (name === undefined || !volumes.has(name) || existsSync(join(directory, name))) continue;
        table.delete(name);
        volumes.delete(name);
      }
      for (const [name, holders] of running) users.set(name, new Set(holders));
      for (const volume of volumes.values()) {
        const { mountpoint } = view(volume);
        if (volume.options !== null && !running.has(volume.name) && isMounted(mountpoint)) await unmountAsync(mountpoint);
        // The record is the truth; a directory lost with a crash between the two is made again.
        if ((await stat(mountpoint).catch(ignoreMissing)) === undefined) mkdirSync(mountpoint, { recursive: true, mode: 0o755 });
      }
      await removeGraves(directory);
    },
  };
}

/** Whether its content is somewhere else and is mounted for use. */
function mustBeMounted(volume: Volume): boolean {
  return volume.options?.['device'] !== undefined;
}

/** Tells which volume it was, where the name is not too long for that. */
function graveName(name: string): string {
  const grave = `${gravePrefix}${newIdentifier().slice(0, 12)}-${name}`;
  return grave.length > longestFileName ? grave.slice(0, gravePrefix.length + 12) : grave;
}

function buriedName(grave: string): string | undefined {
  return grave.startsWith(gravePrefix) && grave[gravePrefix.length + 12] === '-' ? grave.slice(gravePrefix.length + 13) : undefined;
}

async function removeGraves(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(gravePrefix)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

function checkOptions(name: string, options: Readonly<Record<string, string>> | null): void {
  if (options === null) return;
  for (const option of Object.keys(options)) if (!knownOptions.has(option)) throw fail('volume.option_invalid', { name, option });
  const given = (option: string): boolean => (options[option] ?? '') !== '';
  if (given('type') || given('o') || given('device')) {
    for (const option of ['device', 'type']) if (!given(option)) throw fail('volume.option_missing', { name, option });
  }
}

function mountDevice(volume: Volume): void {
  const { type = '', device = '', o = '' } = volume.options ?? {};
  const { flags, data, shown } = parseMountOptions(o);
  try {
    mount({ source: device, target: volume.mountpoint, type: type === 'none' ? '' : type, flags, data });
  } catch (error) {
    const reason = error instanceof EngineError ? String(error.details['reason']) : String(error);
    throw fail('volume.mount_failed', { mountpoint: volume.mountpoint, attempt: `mount ${device}:${volume.mountpoint}${shown}`, reason }, error);
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
