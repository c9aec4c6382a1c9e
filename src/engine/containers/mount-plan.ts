/**
 * The mounts a container asks for (`-v`, `--mount`, `--volumes-from`, the image's volumes), resolved at
 * create: a pure plan, and the making of volumes it needs.
 */
import { fail } from '#base/errors/failure.ts';
import { cleanPath as cleanAnyPath } from '#base/go-path.ts';
import { presenceOf, type Presence } from '#kernel/presence.ts';
import type { ContainerConfig, HostConfig, MountRequest } from '#schema/container-config.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import { propagations, type MountWish } from './mount-wish.ts';
import type { PlannedMount } from './planned-mount.ts';
import { checkMode, readBind } from './read-bind.ts';
import { readMount } from './read-mount.ts';

const anonymousLabel = 'com.docker.volume.anonymous';
const invalid = (message: string): Error => fail('mount.specification_invalid', { message });

/** Whether the sources of `--mount type=bind` are there. A file server that does not answer holds up this create alone. */
export async function lookForSources(requests: readonly MountRequest[] | null | undefined): Promise<ReadonlyMap<string, Presence>> {
  const found = new Map<string, Presence>();
  for (const { Type, Source = '' } of requests ?? []) {
    if (Type === 'bind' && Source.startsWith('/')) found.set(Source, await presenceOf(Source));
  }
  return found;
}

/**
 * @param sources of binds, as {@link lookForSources} found them
 * @throws Docker's texts for specifications that contradict themselves
 */
export function readMounts(config: ContainerConfig, hostConfig: HostConfig, sources: ReadonlyMap<string, Presence>, resolve: (reference: string) => ContainerRecord): MountWish[] {
  const wishes = new Map<string, MountWish>();
  for (const source of hostConfig.VolumesFrom ?? []) {
    for (const wish of mountsOf(source, resolve)) wishes.set(wish.point.Destination, wish);
  }
  const given = new Set<string>();
  const add = (wish: MountWish, asWritten: string): void => {
    const { Destination } = wish.point;
    if (given.has(Destination)) throw invalid(`Duplicate mount point: ${asWritten}`);
    given.add(Destination);
    wishes.set(Destination, wish);
  };
  // As they are written: Docker compares these with binds only, and does not normalise them.
  const tmpfs = new Set(Object.keys(hostConfig.Tmpfs ?? {}));
  for (const bind of hostConfig.Binds ?? []) {
    const wish = readBind(bind, hostConfig.VolumeDriver);
    if (tmpfs.has(wish.point.Destination)) throw invalid(`Duplicate mount point: ${wish.point.Destination}`);
    add(wish, wish.point.Destination);
  }
  for (const request of hostConfig.Mounts ?? []) add(readMount(request, sources), request.Target ?? '');
  // Relative ones stay so, and begin at the root.
  for (const destination of Object.keys(config.Volumes ?? {}).map(cleanAnyPath)) {
    if (!wishes.has(destination) && !tmpfs.has(destination)) wishes.set(destination, anonymousVolume(destination, hostConfig.VolumeDriver));
  }
  return [...wishes.values()];
}

/** As inspect shows them: labels that were given for an unnamed volume are all that it has. */
export function markUnnamed(requests: readonly MountRequest[]): MountRequest[] {
  return requests.map((request) => {
    const { Type, Source = '', VolumeOptions } = request;
    const labels = VolumeOptions?.Labels;
    if (Type !== 'volume' || Source !== '' || labels === undefined || labels === null) return request;
    return { ...request, VolumeOptions: { ...VolumeOptions, Labels: { ...labels, [anonymousLabel]: '' } } };
  });
}

/** How the making of volumes is guarded. */
export interface VolumeGuards {
  /** Told every volume's name before it is made or looked up, so that nobody removes it meanwhile. */
  readonly claim: (name: string) => void;
  /** Told the name of every anonymous volume before it is made. */
  readonly announce: (name: string) => void;
  /** Takes away the anonymous ones that were made. */
  readonly undo: AsyncDisposableStack;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the volumes that are wished for. @throws volume.*, plugin.* with Docker's texts */
export async function fulfilMounts(wishes: readonly MountWish[], volumes: VolumeStore, { claim, announce, undo, signal }: VolumeGuards): Promise<PlannedMount[]> {
  const mounts: PlannedMount[] = [];
  for (const wish of wishes) {
    const { driver, volumeOptions, volumeLabels, modeIsDefault = false, ...planned } = wish;
    if (wish.point.Type !== 'volume') {
      mounts.push(planned);
      continue;
    }
    const { Name: name = '' } = wish.point;
    if (name !== '') claim(name);
    const told = (made: string): void => {
      claim(made);
      announce(made);
    };
    const volume = await volumes.create({ name, driver: driver ?? '', options: volumeOptions ?? null, labels: volumeLabels ?? null }, { announce: told, signal });
    if (name === '') undo.defer(() => volumes.remove(volume.name));
    const Mode = modeIsDefault && volume.driver !== 'local' ? '' : planned.point.Mode;
    mounts.push({ ...planned, point: { ...planned.point, Mode, Name: volume.name, Source: volume.mountpoint, Driver: volume.driver } });
  }
  return mounts;
}

function mountsOf(specification: string, resolve: (reference: string) => ContainerRecord): MountWish[] {
  const colon = specification.indexOf(':');
  const reference = colon < 0 ? specification : specification.slice(0, colon);
  const mode = colon < 0 ? '' : specification.slice(colon + 1);
  if (specification === '') throw invalid('volumes-from specification cannot be an empty string');
  checkMode(mode, invalid);
  if (reference === '') throw invalid('invalid name or ID supplied: ""');
  if (mode.split(',').some((word) => word === 'nocopy' || propagations.has(word))) throw invalid(`invalid mode: ${mode}`);
  const readOnly = mode.split(',').includes('ro');
  const { mounts } = resolve(reference);
  // Docker looks up a volume for whatever has no source, and so lends nothing of a container with `--mount type=tmpfs`.
  if (mounts.some(({ point }) => point.Type === 'tmpfs')) throw fail('volume.not_found', { name: '' });
  return mounts.map((mount) => ({
    ...mount,
    makeSource: false,
    copyUp: false,
    anonymous: mount.anonymous,
    point: { ...mount.point, Mode: '', RW: readOnly ? false : mount.point.RW },
  }));
}

function anonymousVolume(destination: string, driver: string): MountWish {
  return {
    point: { Type: 'volume', Source: '', Destination: destination, Mode: '', RW: true, Propagation: '' },
    copyUp: true,
    makeSource: false,
    anonymous: true,
    driver,
  };
}
