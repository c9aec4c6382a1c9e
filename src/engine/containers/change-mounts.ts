/**
 * Gives a container mounts and takes mounts from it, at once where it runs. Whatever fails, the container is
 * left with the mounts it had. A volume that is taken away is kept, also one without a name.
 */
import { fail } from '#base/errors/failure.ts';
import type { HostConfig, MountRequest } from '#schema/container-config.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';
import { tmpfsMount } from '#runtime/specification/tmpfs-options.ts';
import type { ContainerRecord } from './container-record.ts';
import { isRunning } from './container-state.ts';
import { withDataRootPropagation } from './data-root-propagation.ts';
import type { EngineParts } from './engine-parts.ts';
import { fillVolume, fillVolumes } from './fill-volumes.ts';
import { makeImageMounts } from './image-mounts.ts';
import { fulfilMounts, lookForSources } from './mount-plan.ts';
import { releaseMounts, resolveMount } from './mount-resolution.ts';
import { cleanPath } from './mount-wish.ts';
import type { PlannedMount } from './planned-mount.ts';
import { readMount } from './read-mount.ts';
import { remappingFor } from './remapping.ts';
import { publishMountEvents } from './volume-events.ts';

export interface ChangedMounts {
  readonly mounts: readonly PlannedMount[];
  readonly hostConfig: HostConfig;
  /** To be called once the change is in the record. */
  publish(record: ContainerRecord): void;
}

/**
 * The caller holds the container's mutex and writes what is answered into its record.
 * @param undo takes everything back @throws mount.*, volume.*, image.* with Docker's texts; kernel.mount_*
 */
export async function changeMounts(parts: EngineParts, record: ContainerRecord, change: { add: readonly MountRequest[]; remove: readonly string[] }, undo: AsyncDisposableStack): Promise<ChangedMounts> {
  const removed = change.remove.map((path) => checkRemoval(record, path));
  const kept = record.mounts.filter(({ point }) => !removed.includes(point.Destination));
  const sources = await lookForSources(change.add);
  const wishes = change.add.map((request) => withDataRootPropagation(readMount(request, sources), parts.paths.dataRoot));
  const taken = new Set([...kept.map(({ point }) => point.Destination), ...Object.keys(record.hostConfig.Tmpfs ?? {}).map(cleanPath).filter((path) => !removed.includes(path))]);
  for (const { point } of wishes) {
    if (taken.has(point.Destination)) throw fail('mount.specification_invalid', { message: `Duplicate mount point: ${point.Destination}` });
    taken.add(point.Destination);
  }

  const announced: string[] = [];
  undo.defer(() => parts.doomedVolumes.delete(announced));
  const claim = undo.use(parts.references.claim(`${record.id}:mounts`, []));
  const fulfilled = await fulfilMounts(wishes, parts.volumes, {
    claim: (volume) => claim.add(volume),
    announce: (volume) => {
      parts.doomedVolumes.add([volume]);
      announced.push(volume);
    },
    undo,
  });
  const added = await makeImageMounts(fulfilled, parts, { remapped: remappingFor(parts, record.hostConfig) !== undefined, undo });
  const lost = record.mounts.filter(({ point }) => removed.includes(point.Destination));
  if (isRunning(record.state)) await changeLive(parts, record, { added, removed }, undo);
  else await fillVolumes(parts, record.id, added);
  const mounts = [...kept, ...added];
  return {
    mounts,
    hostConfig: withMounts(record.hostConfig, removed, change.add),
    publish(updated) {
      claim[Symbol.dispose]();
      parts.doomedVolumes.delete(announced);
      void releaseLost(parts, updated, lost, mounts);
      if (!isRunning(updated.state)) return;
      publishMountEvents(parts.events, updated.id, lost, 'unmount');
      publishMountEvents(parts.events, updated.id, added, 'mount');
    },
  };
}

function checkRemoval(record: ContainerRecord, path: string): string {
  const destination = cleanPath(path);
  const known = record.mounts.some(({ point }) => point.Destination === destination) || Object.keys(record.hostConfig.Tmpfs ?? {}).map(cleanPath).includes(destination);
  if (!known) throw fail('mount.not_there', { container: record.name, destination });
  return destination;
}

/** What was taken away goes innermost first, what comes outermost first. */
async function changeLive(parts: EngineParts, record: ContainerRecord, { added, removed }: { added: readonly PlannedMount[]; removed: readonly string[] }, undo: AsyncDisposableStack): Promise<void> {
  const { liveMounts, snapshotter } = parts;
  const { pid } = record.state;
  const rootfs = await snapshotter.mount(record.id);
  const attach = async (mount: SpecificationMount, linksRefused: boolean): Promise<void> => await liveMounts.attach({ pid, mount, linksRefused, rootfs, mapping: remappingFor(parts, record.hostConfig)?.mapping });
  const come = async (): Promise<void> => {
    for (const mount of added.toSorted((left, right) => depthOf(left) - depthOf(right))) {
      undo.defer(async () => await releaseMounts([mount].filter(({ point }) => !isUsedElsewhere(record, point.Name)), parts, record.id));
      if (mount.copyUp) await fillVolume(parts, { id: record.id, rootfs, mount });
      await attach(await resolveMount(mount, parts, { containerId: record.id, rootfs, recursiveReadonly: parts.recursiveReadonly }), mount.subpath !== undefined);
      undo.defer(async () => await liveMounts.detach(pid, mount.point.Destination, []));
    }
  };
  const stay = [...record.mounts.map(({ point }) => point.Destination), ...Object.keys(record.hostConfig.Tmpfs ?? {}).map(cleanPath)];
  const before = removed.map((destination) => ({ destination, mount: record.mounts.find(({ point }) => point.Destination === destination) })).sort((left, right) => right.destination.split('/').length - left.destination.split('/').length);
  const isMemory = ({ mount }: { mount: PlannedMount | undefined }): boolean => mount === undefined || mount.point.Type === 'tmpfs';
  for (const { destination, mount } of before.filter((entry) => !isMemory(entry))) {
    await liveMounts.detach(pid, destination, stay);
    if (mount === undefined) continue;
    undo.defer(async () => await attach(await resolveMount(mount, parts, { containerId: record.id, rootfs, recursiveReadonly: parts.recursiveReadonly }), mount.subpath !== undefined));
  }
  // What is in memory cannot be brought back: it goes last, unless something takes its place.
  const memory = before.filter(isMemory);
  const replaced = memory.filter(({ destination }) => added.some(({ point }) => point.Destination === destination || point.Destination.startsWith(`${destination}/`)));
  const first = replaced[0];
  if (first !== undefined) throw fail('mount.specification_invalid', { message: `the tmpfs at ${first.destination} of a running container cannot be replaced in one step: take it away first` });
  await come();
  for (const { destination, mount } of memory) {
    await liveMounts.detach(pid, destination, stay);
    const again = mount === undefined ? tmpfsMount(destination, record.hostConfig.Tmpfs?.[destination] ?? '') : await resolveMount(mount, parts, { containerId: record.id, rootfs, recursiveReadonly: false });
    undo.defer(async () => await attach(again, false));
  }
}

/** The container's other mounts of the same volume go on. */
async function releaseLost(parts: EngineParts, record: ContainerRecord, lost: readonly PlannedMount[], left: readonly PlannedMount[]): Promise<void> {
  try {
    await releaseMounts(lost.filter(({ point }) => point.Type === 'image' || !left.some((mount) => mount.point.Name === point.Name)), parts, record.id);
    for (const { image } of lost) if (image !== undefined) await parts.snapshotter.remove(image.snapshot);
  } catch (error) {
    parts.log('warning', `could not release what was mounted in ${record.name}: ${String(error)}; the next start of the daemon tries again`);
  }
}

function isUsedElsewhere(record: ContainerRecord, name: string | undefined): boolean {
  return name !== undefined && record.mounts.some(({ point, image }) => image === undefined && point.Name === name);
}

function withMounts(hostConfig: HostConfig, removed: readonly string[], added: readonly MountRequest[]): HostConfig {
  const { Mounts = [], Binds, Tmpfs } = hostConfig;
  const stays = (destination: string): boolean => !removed.includes(cleanPath(destination));
  const mounts = [...Mounts.filter(({ Target = '' }) => stays(Target)), ...added];
  const changed: HostConfig = {
    ...hostConfig,
    Binds: Binds === null ? null : Binds.filter((bind) => stays(bind.split(':')[1] ?? bind)),
    ...(mounts.length > 0 && { Mounts: mounts }),
    ...(Tmpfs !== undefined && { Tmpfs: Object.fromEntries(Object.entries(Tmpfs).filter(([destination]) => stays(destination))) }),
  };
  if (mounts.length === 0) delete changed.Mounts;
  return changed;
}

function depthOf({ point }: PlannedMount): number {
  return point.Destination.split('/').length;
}
