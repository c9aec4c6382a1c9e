/** The volume endpoints' use cases: the volume store, told who uses a volume. */
import { randomUUID } from 'node:crypto';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { VolumeView } from '#schema/volume-views.ts';
import { copyTree } from '#kernel/copy-tree.ts';
import { packDirectory, unpackInto } from '#kernel/directory-archive.ts';
import type { Volume, VolumeStore } from '#volume/contract.ts';
import { compareTrees } from '#volume/compare-trees.ts';
import { matchesLabels } from './containers/container-filters.ts';
import type { VolumeReferences } from './containers/volume-references.ts';
import type { Filters, VolumeUseCases } from './contract.ts';
import type { EventLog } from './events/event-log.ts';
import { OnePrune } from './one-prune.ts';

/** What the volume use cases are made of. */
export interface VolumeParts {
  readonly volumes: VolumeStore;
  readonly references: VolumeReferences;
  readonly events: EventLog;
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}

/** The label of volumes that were made without a name. */
const anonymousLabel = 'com.docker.volume.anonymous';
/** Of a snapshot: which volume it is of. */
const snapshotLabel = 'dhow.volume.snapshot-of';
const listFilters = new Set(['dangling', 'driver', 'label', 'name']);
const pruneFilters = new Set(['all', 'label', 'label!']);

export function volumeUseCases(parts: VolumeParts): VolumeUseCases {
  const { volumes, references, events } = parts;
  const prunes = new OnePrune();
  /** Keeps volumes from being removed while they are read. */
  const hold = async (...names: string[]): Promise<Disposable> => {
    using held = new DisposableStack();
    held.use(references.claim(`reader ${randomUUID()}`, names));
    for (const name of names) await volumes.require(name);
    return held.move();
  };
  const content = async (name: string): Promise<AsyncDisposable & { readonly path: string }> => {
    const user = `reader ${randomUUID()}`;
    return { path: await volumes.mount(name, user), [Symbol.asyncDispose]: async () => await volumes.unmount(name, user) };
  };
  return {
    async list(filters) {
      const matches = listFilter(filters, references);
      const { volumes: listed, warnings } = await volumes.list(filters['driver']);
      return { Volumes: listed.filter(matches).map(viewVolume), Warnings: warnings.length === 0 ? null : warnings };
    },

    inspect: async (name, signal) => viewVolume(await volumes.require(name, signal)),

    create: async ({ Name, Driver, DriverOpts, Labels }, signal) => {
      const volume = await volumes.create({ name: Name, driver: Driver, options: DriverOpts, labels: Labels }, { signal });
      const { Status: _status, ...view } = viewVolume(volume);
      return view;
    },

    async remove(name, options) {
      try {
        const refuse = (): void => {
          const users = references.usersOf(name);
          if (users.length > 0) throw fail('volume.in_use', { name, users: users.join(', ') });
        };
        await volumes.remove(name, { refuse, forget: options.force });
      } catch (error) {
        if (!options.force || !isFailure(error, 'volume.not_found')) throw error;
      }
    },

    async prune(filters, options) {
      return prunes.run(async () => {
        const matches = pruneFilter(filters, options);
        const deleted: string[] = [];
        let reclaimed = 0;
        for (const { name } of volumes.local().filter(matches)) {
          options.signal.throwIfAborted();
          if (references.usersOf(name).length > 0) continue;
          try {
            const size = await volumes.size(name);
            // Measuring took time: somebody may use it by now.
            if (references.usersOf(name).length > 0) continue;
            await volumes.remove(name);
            deleted.push(name);
            reclaimed += size;
          } catch (error) {
            if (!isFailure(error, 'volume.not_found')) parts.log('warning', `could not prune volume ${name}: ${messageOf(error)}`);
          }
        }
        events.publish({ type: 'volume', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
        return { VolumesDeleted: deleted, SpaceReclaimed: reclaimed };
      });
    },

    async clone(name, { Name, Labels, Snapshot }, signal) {
      const target = Name === '' && Snapshot ? `${name}-${new Date().toISOString().replace(/[-:]|\.\d+Z$/g, '')}` : Name;
      const labels = Snapshot ? { ...Labels, [snapshotLabel]: name } : Labels;
      using _held = await hold(name);
      return viewVolume(await volumes.createFilled({ name: target, labels }, async (directory) => {
        await using source = await content(name);
        await copyTree(source.path, directory, signal);
      }));
    },

    async export(name, signal) {
      const held = await hold(name);
      const source = await content(name);
      const archive = packDirectory(source.path, signal);
      archive.once('close', () => {
        held[Symbol.dispose]();
        source[Symbol.asyncDispose]().then(undefined, (error: unknown) => parts.log('warning', `could not release volume ${name}: ${messageOf(error)}`));
      });
      return archive;
    },

    async import(name, archive, signal) {
      return viewVolume(await volumes.createFilled({ name, labels: null }, async (directory) => await unpackInto(directory, archive, signal)));
    },

    async diff(name, base) {
      using _held = await hold(name, base);
      await using before = await content(base);
      await using now = await content(name);
      const kinds = { changed: 0, added: 1, deleted: 2 } as const;
      return (await compareTrees(before.path, now.path)).map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] }));
    },

    usage: async () =>
      Promise.all(
        volumes.local().filter(({ options }) => Object.keys(options ?? {}).length === 0).map(async (volume) => ({
          ...viewVolume(volume),
          UsageData: { RefCount: references.usersOf(volume.name).length, Size: await volumes.size(volume.name) },
        })),
      ),
  };
}

function viewVolume(volume: Volume): VolumeView {
  return {
    CreatedAt: volume.createdAt,
    Driver: volume.driver,
    Labels: volume.labels === null ? null : { ...volume.labels },
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: volume.options === null ? null : { ...volume.options },
    Scope: volume.scope,
    ...(volume.status !== undefined && { Status: volume.status }),
  };
}

function listFilter(filters: Filters, references: VolumeReferences): (volume: Volume) => boolean {
  checkNames(filters, listFilters);
  const unused = readDangling(filters['dangling']);
  const names = filters['name']?.map(namePattern);
  return ({ name, driver, labels }) =>
    (names === undefined || names.some((matches) => matches(name))) &&
    (filters['driver'] === undefined || filters['driver'].includes(driver)) &&
    matchesLabels(labels ?? {}, filters['label']) &&
    (unused === undefined || unused === (references.usersOf(name).length === 0));
}

/** Volumes that mount something of the machine's are nobody's leftovers: only removing by name takes them away. */
function pruneFilter(filters: Filters, { named }: { named: boolean }): (volume: Volume) => boolean {
  checkNames(filters, pruneFilters);
  const all = named || readAll(filters['all']);
  const refused = filters['label!'];
  return ({ labels, options }) =>
    Object.keys(options ?? {}).length === 0 &&
    (all || Object.hasOwn(labels ?? {}, anonymousLabel)) &&
    matchesLabels(labels ?? {}, filters['label']) &&
    (refused === undefined || !matchesLabels(labels ?? {}, refused));
}

function checkNames(filters: Filters, known: ReadonlySet<string>): void {
  for (const name of Object.keys(filters)) if (!known.has(name)) throw fail('container.filter_invalid', { filter: name });
}

/** Undefined: used or not. */
function readDangling(values: readonly string[] | undefined): boolean | undefined {
  if (values === undefined || values.length === 0) return undefined;
  const yes = values.includes('true') || values.includes('1');
  const no = values.includes('false') || values.includes('0');
  if (yes === no) throw fail('container.filter_invalid', { filter: `dangling=[${values.join(' ')}]` });
  return yes;
}

function readAll(values: readonly string[] | undefined): boolean {
  const [value, ...more] = values ?? [];
  if (value === undefined) return false;
  if (more.length > 0) throw fail('container.filter_invalid', { filter: `all=[${[value, ...more].join(' ')}]`, reason: 'only one value is expected' });
  const read = parseGoBoolean(value);
  if (read === undefined) throw fail('container.filter_invalid', { filter: 'all', reason: `strconv.ParseBool: parsing ${quoteText(value)}: invalid syntax` });
  return read;
}

/** The name itself or a regular expression; what is no expression matches nothing, as in Docker. */
function namePattern(pattern: string): (name: string) => boolean {
  try {
    const expression = new RegExp(pattern);
    return (name) => name === pattern || expression.test(name);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return (name) => name === pattern;
  }
}
