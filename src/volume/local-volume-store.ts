/**
 * Volumes of the local driver: a directory each under `volumes/<name>/_data`, or a file system mounted
 * there while a container uses it (options `type`, `device`, `o`).
 */
import { chownSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import type { Owner } from '#base/identity-mapping.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { directorySize } from '#kernel/directory-size.ts';
import { openProjectQuotas, type ProjectNumbers } from '#kernel/project-quota.ts';
import { readMounts, unmountAsync } from '#kernel/mounts.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { Volume, VolumeRequest, VolumeStore } from './contract.ts';
import { checkDeviceOptions, mountDevice, mustBeMounted, sizeLimitOf } from './device-mount.ts';

type StoredVolume = Omit<Volume, 'mountpoint' | 'scope'>;

/** As {@link VolumeStore}, of this driver alone. */
export interface LocalVolumeStore extends Pick<VolumeStore, 'createFilled' | 'mount' | 'unmount' | 'size' | 'repair'> {
  /** Makes it, or answers the one of this name. `announce` is told before anything is made. @throws volume.* with Docker's texts */
  create(request: Omit<VolumeRequest, 'driver'>, announce?: (name: string) => void): Volume;
  get(name: string): Volume | undefined;
  list(): Volume[];
  /** A place on the same file system as its content that containers do not see; undefined: its content is somewhere else. */
  beside(name: string): string | undefined;
  /** The caller has made sure that nobody uses it. @throws volume.not_found */
  remove(name: string): Promise<void>;
}

const allowedName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const gravePrefix = '.removed-';
/** Beside the content: where a copy is made before it becomes the content. */
const stagingName = '_data.filling';
/** A volume that is being filled, and one that is full and gets its name in a moment. */
const growingPrefix = '.growing-';
const finishedPrefix = '.finished-';
const longestFileName = 255;

/** @param options.directory holds one directory per volume; made if missing */
export function createLocalVolumeStore(options: {
  directory: string;
  /** Whom new volumes belong to; undefined: root. */
  owner?: Owner | undefined;
  /** Where sizes of volumes are to be limited. */
  projects?: ProjectNumbers | undefined;
  database: StateDatabase;
  onEvent: (action: 'create' | 'destroy', volume: { name: string; driver: string }) => void;
}): LocalVolumeStore {
  const { directory } = options;
  const table: DocumentTable<StoredVolume> = options.database.table('volumes');
  const volumes = new Map(table.entries());
  /** Containers that use a volume which must be mounted. */
  const users = new Map<string, Set<string>>();
  const mutex = new KeyedMutex();
  mkdirSync(directory, { recursive: true, mode: 0o701 });
  const quotas = options.projects && openProjectQuotas(directory, options.projects);

  const view = (stored: StoredVolume): Volume => ({ ...stored, mountpoint: join(directory, stored.name, '_data'), scope: 'local' });
  const require = (name: string): Volume => {
    const stored = volumes.get(name);
    if (stored === undefined) throw fail('volume.not_found', { name });
    return view(stored);
  };
  const makeMountpoint = (path: string): void => {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    if (options.owner !== undefined) chownSync(path, options.owner.uid, options.owner.gid);
  };
  /** The whole directory counts, so that what is made beside the content and becomes it does, too. */
  const makeLimited = ({ name, options: wanted }: StoredVolume): void => {
    const limit = sizeLimitOf(wanted);
    if (limit === undefined) return;
    mkdirSync(join(directory, name), { mode: 0o701 });
    quotas?.limit(join(directory, name), limit);
  };
  const isMounted = (mountpoint: string): boolean => readMounts().some((entry) => entry.mountPoint === mountpoint);

  return {
    create(request, announce) {
      const { name, labels } = request;
      const existing = volumes.get(name);
      if (existing !== undefined) return view(existing);
      if (name.length === 1) throw fail('volume.name_too_short', { name });
      if (!allowedName.test(name)) throw fail('volume.name_invalid', { name });
      checkDeviceOptions(name, request.options, { quotas: quotas !== undefined });
      const stored: StoredVolume = {
        name,
        driver: 'local',
        createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        labels,
        options: request.options,
      };
      announce?.(name);
      // The record first: a directory without one would be nobody's.
      table.put(name, stored);
      try {
        makeLimited(stored);
        makeMountpoint(join(directory, name, '_data'));
      } catch (error) {
        table.delete(name);
        const path = join(directory, name);
        if (!isTooLong(error)) rmSync(path, { recursive: true, force: true });
        throw isTooLong(error) ? fail('volume.path_too_long', { name, path }, error) : error;
      }
      volumes.set(name, stored);
      options.onEvent('create', stored);
      return view(stored);
    },
    async createFilled({ name, labels }, fill) {
      const refuseTaken = (): void => {
        if (volumes.has(name)) throw fail('volume.exists', { name });
      };
      refuseTaken();
      if (name.length === 1) throw fail('volume.name_too_short', { name });
      if (!allowedName.test(name)) throw fail('volume.name_invalid', { name });
      if (Buffer.byteLength(finishedPrefix + name) > longestFileName) throw fail('volume.path_too_long', { name, path: join(directory, name) });
      const growing = join(directory, growingPrefix + newIdentifier().slice(0, 12));
      const finished = join(directory, finishedPrefix + name);
      try {
        await mkdir(join(growing, '_data'), { recursive: true, mode: 0o755 });
        await fill(join(growing, '_data'));
        refuseTaken();
        const stored: StoredVolume = { name, driver: 'local', createdAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'), labels, options: null };
        // Between these steps the record says whose the directory is; the next engine takes the last one.
        renameSync(growing, finished);
        table.put(name, stored);
        renameSync(finished, join(directory, name));
        volumes.set(name, stored);
        options.onEvent('create', stored);
        return view(stored);
      } finally {
        await rm(growing, { recursive: true, force: true });
      }
    },
    get: (name) => (volumes.has(name) ? require(name) : undefined),
    list: () => [...volumes.values()].map(view),
    beside: (name) => (mustBeMounted(require(name)) ? undefined : join(directory, name, stagingName)),

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
        if (!isMounted(volume.mountpoint)) await mountDevice(volume);
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
      for (const finished of await readdir(directory)) {
        if (finished.startsWith(growingPrefix)) await rm(join(directory, finished), { recursive: true, force: true });
        if (!finished.startsWith(finishedPrefix)) continue;
        const name = finished.slice(finishedPrefix.length);
        if (volumes.has(name) && !existsSync(join(directory, name))) renameSync(join(directory, finished), join(directory, name));
        else await rm(join(directory, finished), { recursive: true, force: true });
      }
      for (const [name, holders] of running) users.set(name, new Set(holders));
      for (const volume of volumes.values()) {
        const { mountpoint } = view(volume);
        if (volume.options !== null && !running.has(volume.name) && isMounted(mountpoint)) await unmountAsync(mountpoint);
        // The record is the truth; a directory lost with a crash between the two is made again.
        if ((await stat(join(directory, volume.name)).catch(ignoreMissing)) === undefined) makeLimited(volume);
        if ((await stat(mountpoint).catch(ignoreMissing)) === undefined) makeMountpoint(mountpoint);
      }
      await removeGraves(directory);
    },
  };
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

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

function isTooLong(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENAMETOOLONG';
}
