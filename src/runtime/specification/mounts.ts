/** All mounts of a container in the order in which they are made: a mount never hides one made before. */
import type { HostConfig } from '#schema/container-config.ts';
import { tmpfsMount } from './tmpfs-options.ts';
import type { SpecificationMount } from './types.ts';

/** Files of the engine that are bound over those of the image. */
export interface NetworkFiles {
  readonly resolvConf?: string | undefined;
  readonly hostname?: string | undefined;
  readonly hosts?: string | undefined;
}

export interface MountsInput {
  readonly settings: Pick<HostConfig, 'IpcMode' | 'ShmSize' | 'Privileged' | 'ReadonlyRootfs' | 'Tmpfs'>;
  readonly files: NetworkFiles;
  /** Directory bound to /dev/shm where it is shared (`IpcMode` shareable, host, container). */
  readonly sharedMemory?: string | undefined;
  /** Binds, volumes and tmpfs of the container. */
  readonly mounts: readonly SpecificationMount[];
  /** Program for `--init`, bound to `initDestination`. */
  readonly init?: string | undefined;
  readonly writableCgroups: boolean;
}

export const initDestination = '/sbin/docker-init';

/** @throws runtime.tmpfs_option_invalid */
export function containerMounts(input: MountsInput): SpecificationMount[] {
  const tmpfs = Object.entries(input.settings.Tmpfs ?? {}).map(([destination, data]) => tmpfsMount(destination, data));
  const tmpfsDestinations = new Set(tmpfs.map((mount) => mount.destination));
  const given = [...tmpfs, ...input.mounts.filter((mount) => mount.type === 'tmpfs' || !tmpfsDestinations.has(mount.destination))];
  const destinations = new Set(given.map((mount) => mount.destination));
  const wanted = [...sharedMemory(input, destinations), ...given, ...networkFiles(input, destinations)].sort(
    (a, b) => depth(a.destination) - depth(b.destination),
  );
  const replaced = new Set(wanted.map((mount) => mount.destination));
  return [...systemMounts(input, replaced), ...initMount(input, replaced), ...wanted];
}

function systemMounts(input: MountsInput, replaced: ReadonlySet<string>): SpecificationMount[] {
  const { settings } = input;
  const list: SpecificationMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', ...(settings.Privileged ? [] : ['ro'])] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...(input.writableCgroups ? [] : ['ro']), 'nosuid', 'noexec', 'nodev'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  ];
  if (settings.IpcMode !== 'none') {
    list.push({ destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${settings.ShmSize}`] });
  }
  const ownDevices = replaced.has('/dev');
  return list.filter((mount) => !replaced.has(mount.destination) && !(ownDevices && mount.destination.startsWith('/dev/')));
}

function sharedMemory(input: MountsInput, taken: ReadonlySet<string>): SpecificationMount[] {
  if (input.sharedMemory === undefined || taken.has('/dev/shm')) return [];
  const own = input.settings.IpcMode === 'host' ? [] : ['nosuid', 'noexec', 'nodev'];
  return [{ destination: '/dev/shm', type: 'bind', source: input.sharedMemory, options: ['rbind', 'rprivate', ...own] }];
}

function networkFiles(input: MountsInput, taken: ReadonlySet<string>): SpecificationMount[] {
  const options = ['rbind', ...(input.settings.ReadonlyRootfs ? ['ro'] : []), 'rprivate'];
  const list: SpecificationMount[] = [];
  for (const [destination, source] of [
    ['/etc/resolv.conf', input.files.resolvConf],
    ['/etc/hostname', input.files.hostname],
    ['/etc/hosts', input.files.hosts],
  ] as const) {
    if (source !== undefined && !taken.has(destination)) list.push({ destination, type: 'bind', source, options });
  }
  return list;
}

function initMount(input: MountsInput, taken: ReadonlySet<string>): SpecificationMount[] {
  if (input.init === undefined || taken.has(initDestination)) return [];
  return [{ destination: initDestination, type: 'bind', source: input.init, options: ['bind', 'ro'] }];
}

export interface BindOptions {
  readonly writable: boolean;
  /** `rprivate`, `rslave`, …; empty: none. */
  readonly propagation: string;
  readonly nonRecursive?: boolean | undefined;
  readonly readonlyNonRecursive?: boolean | undefined;
  readonly recursiveReadonly: boolean;
}

/** Options of a bind mount or volume in Docker's order. */
export function bindOptions(options: BindOptions): string[] {
  return [
    options.nonRecursive === true ? 'bind' : 'rbind',
    ...(options.writable ? [] : [readonlyOption(options.recursiveReadonly && options.readonlyNonRecursive !== true)]),
    // With a recursive propagation crun binds what is mounted below, too.
    ...(options.propagation === '' ? [] : [options.nonRecursive === true ? options.propagation.replace(/^r/, '') : options.propagation]),
  ];
}

function readonlyOption(recursive: boolean): string {
  return recursive ? 'rro' : 'ro';
}

function depth(destination: string): number {
  return destination.split('/').filter((part) => part !== '' && part !== '.').length;
}

/** What the propagation of the root must be for the propagation of these mounts to have an effect; undefined: the runtime's default. */
export function rootPropagation(mounts: readonly SpecificationMount[]): string | undefined {
  const options = mounts.filter((mount) => mount.type === 'bind').flatMap((mount) => mount.options);
  if (options.includes('shared') || options.includes('rshared')) return 'shared';
  if (options.includes('slave') || options.includes('rslave')) return 'rslave';
  // The runtime's default would be given to every mount, at the end.
  if (mounts.some(({ type, options: own }) => type === 'tmpfs' && own.some((option) => /shared$|unbindable$/.test(option)))) return 'private';
  return undefined;
}
