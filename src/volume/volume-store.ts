/**
 * All volumes by one name space: those of the local driver, and those of plugins, of which a row says who has them
 * and another one who has them mounted. What a plugin's volume is, its plugin is asked each time.
 */
import { createHash } from 'node:crypto';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import type { Plugin, PluginRegistry } from '#plugin/contract.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { Volume, VolumeStore } from './contract.ts';
import type { LocalVolumeStore } from './local-volume-store.ts';
import { VolumeFilling } from './volume-filling.ts';
import { PluginDriver, type PluginVolume } from './plugin-driver.ts';

/** A plugin's volume, as it was made here or found. */
interface StoredVolume {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  /** As its plugin told of it last. */
  readonly createdAt: string;
  readonly mountpoint: string;
}

/** A plugin's volume that somebody uses; written before the plugin is asked to mount it. */
interface StoredMount {
  readonly name: string;
  readonly user: string;
  /** Undefined: the plugin has not confirmed it, or could not be told of its end. */
  readonly path: string | undefined;
}

/** Milliseconds that plugins get to say whether they have a volume that nobody said they had. */
const probeTimeout = 10_000;
const subsystem = 'VolumeDriver';
const localDriver = 'local';

export interface VolumeStoreOptions {
  readonly local: LocalVolumeStore;
  readonly plugins: PluginRegistry;
  readonly database: StateDatabase;
  readonly onEvent: (action: 'create' | 'destroy', volume: { name: string; driver: string }) => void;
  readonly warn: (message: string) => void;
}

export function createVolumeStore({ local, plugins, database, onEvent, warn }: VolumeStoreOptions): VolumeStore {
  return new CombinedVolumeStore({ local, plugins, database, onEvent, warn });
}

class CombinedVolumeStore implements VolumeStore {
  readonly #local: LocalVolumeStore;
  readonly #plugins: PluginRegistry;
  readonly #onEvent: VolumeStoreOptions['onEvent'];
  readonly #warn: VolumeStoreOptions['warn'];
  readonly #table: DocumentTable<StoredVolume>;
  readonly #mountTable: DocumentTable<StoredMount>;
  readonly #stored: Map<string, StoredVolume>;
  readonly #mounts: Map<string, StoredMount>;
  readonly #filling: VolumeFilling;
  readonly #drivers = new Map<string, PluginDriver>();
  readonly #mutex = new KeyedMutex();

  constructor({ local, plugins, database, onEvent, warn }: VolumeStoreOptions) {
    this.#local = local;
    this.#plugins = plugins;
    this.#onEvent = onEvent;
    this.#warn = warn;
    this.#table = database.table('plugin_volumes');
    this.#mountTable = database.table('plugin_mounts');
    this.#stored = new Map(this.#table.entries());
    this.#filling = new VolumeFilling(database);
    this.#mounts = new Map(this.#mountTable.entries());
  }

  async create(request: Parameters<VolumeStore['create']>[0], { announce, signal }: Parameters<VolumeStore['create']>[1] = {}): Promise<Volume> {
    const anonymous = request.name === '';
    const name = anonymous ? newIdentifier() : request.name;
    const driver = anonymous && request.driver === '' ? localDriver : request.driver;
    const labels = anonymous ? { ...request.labels, 'com.docker.volume.anonymous': '' } : request.labels;
    using _held = await this.#mutex.acquire(name, signal);
    const existing = (await this.#existing(name, driver, signal)) ?? (driver === '' ? await this.#probe(name) : undefined);
    if (existing !== undefined) return existing;
    if (driver === '' || driver === localDriver) return this.#local.create({ name, options: request.options, labels }, anonymous ? announce : undefined);

    const plugin = await this.#driver(driver, { operation: 'create', name, patient: false, signal });
    if (anonymous) announce?.(name);
    try {
      if ((await plugin.get(name, { patient: true, signal })) === undefined) await plugin.create(name, request.options, signal);
    } catch (error) {
      throw this.#failed('create', name, error);
    }
    const stored: StoredVolume = { name, driver, labels, options: request.options, createdAt: '0001-01-01T00:00:00Z', mountpoint: '' };
    this.#keep(stored);
    this.#onEvent('create', stored);
    return { ...stored, scope: await plugin.scope() };
  }

  async createFilled(request: Parameters<VolumeStore['createFilled']>[0], fill: (directory: string) => Promise<void>): Promise<Volume> {
    if (this.#stored.has(request.name)) throw fail('volume.exists', { name: request.name });
    return await this.#local.createFilled(request, fill);
  }

  async require(name: string, signal?: AbortSignal): Promise<Volume> {
    return await this.#require(name, { patient: false, signal });
  }

  known(name: string): Volume | undefined {
    const stored = this.#stored.get(name);
    return this.#local.get(name) ?? (stored && { ...stored, scope: 'local' });
  }

  local(): Volume[] {
    return this.#local.list();
  }

  async list(names?: readonly string[]): Promise<{ volumes: Volume[]; warnings: string[] }> {
    const wants = (driver: string): boolean => names === undefined || names.includes(driver);
    const found = await this.#plugins.all(subsystem);
    const away = [...new Set([...this.#stored.values()].map(({ driver }) => driver))].filter((driver) => !found.some(({ name }) => name === driver));
    const lists = await Promise.all(found.filter(({ name }) => wants(name)).map(async (plugin) => {
      const driver = this.#of(plugin);
      try {
        const scope = await driver.scope();
        return { volumes: (await driver.list()).map((volume) => this.#view(volume, driver.name, scope)), warnings: [] };
      } catch (error) {
        return { volumes: this.#storedOf(driver.name), warnings: [`list ${driver.name}: ${messageOf(error)}`] };
      }
    }));
    const lost = away.filter(wants).map((driver) => ({ volumes: this.#storedOf(driver), warnings: [`list ${driver}: plugin ${JSON.stringify(driver)} not found`] }));
    const all = [...lists, ...lost];
    // Of one name there is one volume: whose it is, is known already.
    const own = (volume: Volume): boolean => this.#local.get(volume.name) === undefined && (this.#stored.get(volume.name)?.driver ?? volume.driver) === volume.driver;
    return { volumes: [...(wants(localDriver) ? this.#local.list() : []), ...all.flatMap(({ volumes }) => volumes).filter(own)], warnings: all.flatMap(({ warnings }) => warnings) };
  }

  drivers(): string[] {
    return [localDriver, ...this.#plugins.activated(subsystem)].sort();
  }

  async remove(name: string, { refuse, forget = false }: Parameters<VolumeStore['remove']>[1] = {}): Promise<void> {
    using _held = await this.#mutex.acquire(name);
    const volume = await this.#require(name, { patient: true });
    refuse?.();
    if (volume.driver === localDriver) {
      await this.#local.remove(name);
      this.#filling.forget(name);
      return;
    }
    const driver = await this.#driver(volume.driver, { operation: 'remove', name, patient: true });
    try {
      await driver.remove(name);
    } catch (error) {
      if (forget) this.#forget(name);
      throw this.#failed('remove', name, error);
    }
    this.#forget(name);
    this.#filling.forget(name);
    this.#onEvent('destroy', volume);
  }

  async mount(name: string, user: string, signal?: AbortSignal): Promise<string> {
    const root = this.#local.get(name) === undefined ? await this.#mountOfPlugin(name, user, signal) : await this.#local.mount(name, user);
    if (this.#filling.isOpen(name)) await this.#filling.finish({ name, root, beside: this.#beside(name) });
    return root;
  }

  #beside(name: string): string | undefined {
    return this.#local.get(name) === undefined ? undefined : this.#local.beside(name);
  }

  async #mountOfPlugin(name: string, user: string, signal: AbortSignal | undefined): Promise<string> {
    using _held = await this.#mutex.acquire(name, signal);
    const key = mountKey(name, user);
    const path = this.#mounts.get(key)?.path;
    if (path !== undefined) return path;
    const volume = await this.#require(name, { patient: true, signal });
    const driver = await this.#driver(volume.driver, { operation: 'get', name, patient: true, signal });
    this.#book(key, { name, user, path: undefined });
    try {
      const mountpoint = await driver.mount(name, mountId(user), signal);
      this.#book(key, { name, user, path: mountpoint });
      return mountpoint;
    } catch (error) {
      // It may have done it and not been heard: the row stays, and its end is told of at the next start.
      if (!isFailure(error, 'plugin.unreachable') && signal?.aborted !== true) this.#unbook(key);
      throw signal?.aborted === true ? error : fail('volume.not_mountable', { mountpoint: '', reason: messageOf(error) }, error);
    }
  }

  async unmount(name: string, user: string): Promise<void> {
    const key = mountKey(name, user);
    if (!this.#mounts.has(key)) return await this.#local.unmount(name, user);
    using _held = await this.#mutex.acquire(name);
    await this.#endMount(key, { patient: true });
  }

  async fill(name: string, { root, directory }: Parameters<VolumeStore['fill']>[1], work: Parameters<VolumeStore['fill']>[2]): Promise<void> {
    await this.#filling.fill({ name, root, beside: this.#beside(name) }, directory, work);
  }

  async size(name: string): Promise<number> {
    return await this.#local.size(name);
  }

  async repair(users: ReadonlyMap<string, readonly string[]>): Promise<void> {
    await this.#local.repair(users);
    for (const { name, mountpoint } of this.#local.list()) {
      const beside = this.#local.beside(name);
      if (beside !== undefined) await this.#filling.finish({ name, root: mountpoint, beside });
    }
    const ended = [...this.#mounts].filter(([, { name, user }]) => users.get(name)?.includes(user) !== true);
    // A plugin that is away must not keep the daemon from serving.
    for (const [key, { name }] of ended) {
      void this.#mutex.run(name, async () => await this.#endMount(key, { patient: true })).catch((error: unknown) => {
        this.#warn(`could not end a use of volume ${name}: ${messageOf(error)}; the next start of the daemon tries again`);
      });
    }
    for (const driver of new Set([...this.#stored.values()].map((volume) => volume.driver))) {
      void this.#plugins.require(driver, subsystem, { patient: true }).catch((error: unknown) => this.#warn(`volume plugin ${driver} is away: ${messageOf(error)}`));
    }
  }

  /** What is known by this name, unless it is another driver's. @throws volume.name_conflict */
  async #existing(name: string, driver: string, signal: AbortSignal | undefined): Promise<Volume | undefined> {
    const known = this.known(name);
    if (known === undefined) return undefined;
    const isOther = driver !== '' && driver !== known.driver;
    if (isOther && driver !== localDriver) await this.#driver(driver, { operation: 'create', name, patient: false, signal });
    const conflict = (reason: string, cause?: unknown): Error => fail('volume.name_conflict', { name, reason }, cause);
    let found: Volume;
    try {
      found = await this.#require(name, { patient: false, signal });
    } catch (error) {
      if (isFailure(error, 'volume.not_found')) return undefined;
      throw conflict(`found reference to volume '${name}' in driver '${known.driver}', but got an error while checking the driver: ${messageOf(error).replace(/^get [^:]*: /, '')}`, error);
    }
    if (isOther) throw conflict(`driver '${known.driver}' already has volume '${name}'`);
    return found;
  }

  /** The volume by its driver's word; one that its driver has no more is forgotten. */
  async #require(name: string, options: { readonly patient: boolean; readonly signal?: AbortSignal | undefined }): Promise<Volume> {
    const local = this.#local.get(name);
    if (local !== undefined) return local;
    const stored = this.#stored.get(name);
    const found = stored === undefined ? await this.#probe(name) : await this.#ask(stored, options);
    if (found !== undefined) return found;
    this.#forget(name);
    throw fail('volume.not_found', { name });
  }

  async #ask(stored: StoredVolume, options: { readonly patient: boolean; readonly signal?: AbortSignal | undefined }): Promise<Volume | undefined> {
    const { name, driver: driverName } = stored;
    try {
      const driver = await this.#driver(driverName, { operation: '', name, ...options });
      const found = await driver.get(name, options);
      return found && this.#note(stored, found, await driver.scope());
    } catch (error) {
      options.signal?.throwIfAborted();
      throw fail('volume.driver_unavailable', { name, driver: driverName, reason: messageOf(error) }, error);
    }
  }

  /** Asks every plugin that is there whether it has a volume that is not known here. */
  async #probe(name: string): Promise<Volume | undefined> {
    if (name === '') return undefined;
    for (const plugin of await this.#plugins.all(subsystem)) {
      const driver = this.#of(plugin);
      try {
        const found = await driver.get(name, { patient: false, timeout: probeTimeout });
        if (found !== undefined) return this.#note({ name, driver: driver.name, labels: null, options: null, createdAt: '', mountpoint: '' }, found, await driver.scope());
      } catch (error) {
        if (!isFailure(error, 'plugin.unreachable')) throw error;
      }
    }
    return undefined;
  }

  #note(stored: StoredVolume, { createdAt, mountpoint, status }: PluginVolume, scope: 'local' | 'global'): Volume {
    const now = { ...stored, createdAt, mountpoint };
    if (this.#stored.get(stored.name) === undefined || stored.createdAt !== createdAt || stored.mountpoint !== mountpoint) this.#keep(now);
    return { ...now, scope, ...(Object.keys(status).length > 0 && { status }) };
  }

  #view({ name, createdAt, mountpoint }: PluginVolume, driver: string, scope: 'local' | 'global'): Volume {
    const stored = this.#stored.get(name);
    return { name, driver, createdAt, mountpoint, labels: stored?.labels ?? null, options: stored?.options ?? null, scope };
  }

  #storedOf(driver: string): Volume[] {
    return [...this.#stored.values()].filter((stored) => stored.driver === driver).map((stored) => ({ ...stored, scope: 'local' }));
  }

  /** @throws volume.driver_unknown, volume.driver_failed */
  async #driver(driver: string, { operation, name, patient, signal }: { operation: string; name: string; patient: boolean; signal?: AbortSignal | undefined }): Promise<PluginDriver> {
    try {
      return this.#of(await this.#plugins.require(driver, subsystem, { patient, signal }));
    } catch (error) {
      signal?.throwIfAborted();
      const code = isFailure(error, 'plugin.not_found') ? 'volume.driver_unknown' : 'volume.driver_failed';
      throw fail(code, { operation, name, reason: `error looking up volume plugin ${driver}: ${messageOf(error)}` }, error);
    }
  }

  #of(plugin: Plugin): PluginDriver {
    const known = this.#drivers.get(plugin.name);
    if (known !== undefined) return known;
    const made = new PluginDriver(plugin);
    this.#drivers.set(plugin.name, made);
    return made;
  }

  #failed(operation: string, name: string, error: unknown): Error {
    return error instanceof Error && isFailure(error, 'volume.driver_failed') ? error : fail('volume.driver_failed', { operation, name, reason: messageOf(error) }, error);
  }

  #keep(stored: StoredVolume): void {
    this.#table.put(stored.name, stored);
    this.#stored.set(stored.name, stored);
  }

  #forget(name: string): void {
    if (!this.#stored.delete(name)) return;
    this.#table.delete(name);
  }

  #book(key: string, mount: StoredMount): void {
    this.#mountTable.put(key, mount);
    this.#mounts.set(key, mount);
  }

  #unbook(key: string): void {
    this.#mounts.delete(key);
    this.#mountTable.delete(key);
  }

  /** A row whose end its plugin was not told of stays, for the next start; mounting asks the plugin again. */
  async #endMount(key: string, { patient }: { patient: boolean }): Promise<void> {
    const mount = this.#mounts.get(key);
    if (mount === undefined) return;
    this.#book(key, { ...mount, path: undefined });
    const stored = this.#stored.get(mount.name);
    if (stored !== undefined) {
      const driver = await this.#driver(stored.driver, { operation: 'unmount', name: mount.name, patient });
      await driver.unmount(mount.name, mountId(mount.user), { patient });
    }
    this.#unbook(key);
  }
}

function mountKey(name: string, user: string): string {
  return JSON.stringify([name, user]);
}

/** What a plugin knows a user by: a container's id as it is, others in the form of one. */
function mountId(user: string): string {
  return /^[0-9a-f]{64}$/.test(user) ? user : createHash('sha256').update(user).digest('hex');
}
