/**
 * The mounts a container asks for (`-v`, `--mount`, `--volumes-from`, the image's volumes), resolved at
 * create: a pure plan, and the making of volumes it needs.
 */
import { existsSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import type { ContainerConfig, HostConfig, MountPoint, MountRequest } from '#schema/container-config.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import type { PlannedMount } from './planned-mount.ts';

const propagations = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);
const consistencies = new Set(['cached', 'delegated', 'consistent', 'default']);

const invalid = (message: string): Error => fail('mount.specification_invalid', { message });
/** Docker answers 500 for `Binds`. */
const badBind = (message: string): Error => fail('mount.bind_invalid', { message });
const badMount = (type: string, reason: string): Error => fail('mount.invalid', { type, reason });

/** What a `-v` or `--mount` means before any volume exists. */
type Wish = Omit<PlannedMount, 'point'> & { readonly point: Omit<MountPoint, 'Source' | 'Name'> & { Source: string; Name?: string }; readonly driver?: string; readonly volumeOptions?: Readonly<Record<string, string>> | null; readonly volumeLabels?: Readonly<Record<string, string>> | null };

/** @throws Docker's texts for specifications that contradict themselves */
export function readMounts(config: ContainerConfig, hostConfig: HostConfig, resolve: (reference: string) => ContainerRecord): Wish[] {
  const wishes = new Map<string, Wish>();
  for (const source of hostConfig.VolumesFrom ?? []) {
    for (const wish of mountsOf(source, resolve)) wishes.set(wish.point.Destination, wish);
  }
  const given = new Set<string>();
  const add = (wish: Wish): void => {
    const { Destination } = wish.point;
    if (given.has(Destination)) throw invalid(`Duplicate mount point: ${Destination}`);
    given.add(Destination);
    wishes.set(Destination, wish);
  };
  for (const bind of hostConfig.Binds ?? []) add(readBind(bind, hostConfig.VolumeDriver));
  for (const request of hostConfig.Mounts ?? []) add(readMount(request));
  const tmpfs = new Set(Object.keys(hostConfig.Tmpfs ?? {}).map(clean));
  for (const destination of Object.keys(config.Volumes ?? {}).map(clean)) {
    if (!wishes.has(destination) && !tmpfs.has(destination)) wishes.set(destination, anonymousVolume(destination, hostConfig.VolumeDriver));
  }
  return [...wishes.values()];
}

/** Makes the volumes that are wished for; `made` are the new anonymous ones, to be removed when create fails. */
/** @param announce told the name of every anonymous volume before it is made */
export function fulfilMounts(wishes: readonly Wish[], volumes: VolumeStore, announce: (name: string) => void): { mounts: PlannedMount[]; made: string[] } {
  const made: string[] = [];
  const mounts = wishes.map((wish): PlannedMount => {
    const { driver, volumeOptions, volumeLabels, ...planned } = wish;
    if (wish.point.Type !== 'volume') return planned;
    const name = wish.point.Name ?? '';
    const volume = volumes.create({ name, driver: driver ?? '', options: volumeOptions ?? null, labels: volumeLabels ?? null }, announce);
    if (name === '') made.push(volume.name);
    return { ...planned, point: { ...planned.point, Name: volume.name, Source: volume.mountpoint, Driver: volume.driver } };
  });
  return { mounts, made };
}

function mountsOf(specification: string, resolve: (reference: string) => ContainerRecord): Wish[] {
  const colon = specification.indexOf(':');
  const reference = colon < 0 ? specification : specification.slice(0, colon);
  const mode = colon < 0 ? '' : specification.slice(colon + 1);
  if (reference === '') throw invalid('malformed volumes-from specification: ');
  checkMode(mode, 'volume', invalid);
  const readOnly = mode.split(',').includes('ro');
  return resolve(reference).mounts.map((mount) => ({
    ...mount,
    makeSource: false,
    copyUp: false,
    anonymous: mount.anonymous,
    point: { ...mount.point, Mode: mode, RW: readOnly ? false : mount.point.RW },
  }));
}

/** `-v` with a colon: `source:destination[:mode]`; a source without a slash at its beginning is a volume's name. */
function readBind(specification: string, driver: string): Wish {
  const [source = '', destination = '', mode = '', ...rest] = specification.split(':');
  const malformed = (type: string, reason: string): Error => badBind(`invalid volume specification: '${specification}': invalid mount config for type "${type}": ${reason}`);
  if (!specification.includes(':')) throw malformed('volume', `invalid mount path: '${specification}' mount path must be absolute`);
  if (destination === '' || source === '' || rest.length > 0) throw badBind(`invalid volume specification: '${specification}'`);
  const type = source.startsWith('/') ? 'bind' : 'volume';
  checkMode(mode, type, badBind);
  const words = mode === '' ? [] : mode.split(',');
  if (!destination.startsWith('/')) throw malformed(type, `invalid mount path: '${destination}' mount path must be absolute`);
  if (clean(destination) === '/') throw malformed(type, "invalid specification: destination can't be '/'");
  const propagation = words.find((word) => propagations.has(word));
  const point = { Destination: clean(destination), RW: !words.includes('ro') };
  if (type === 'bind') {
    return {
      point: { ...point, Type: 'bind', Source: clean(source), Mode: mode, Propagation: propagation ?? 'rprivate' },
      copyUp: false,
      makeSource: true,
      anonymous: false,
    };
  }
  return {
    point: { ...point, Type: 'volume', Name: source, Source: '', Mode: mode === '' ? 'z' : mode, Propagation: '' },
    copyUp: !words.includes('nocopy'),
    makeSource: false,
    anonymous: false,
    driver,
  };
}

function checkMode(mode: string, type: 'bind' | 'volume', refuse: typeof invalid): void {
  if (mode === '') return;
  const words = mode.split(',');
  const count = (test: (word: string) => boolean): number => words.filter(test).length;
  const known = (word: string): boolean =>
    ['ro', 'rw', 'z', 'Z'].includes(word) || consistencies.has(word) || (type === 'bind' && propagations.has(word)) || (type === 'volume' && word === 'nocopy');
  const twice =
    count((word) => word === 'ro' || word === 'rw') > 1 || count((word) => propagations.has(word)) > 1 || count((word) => word === 'z' || word === 'Z') > 1 || count((word) => word === 'nocopy') > 1;
  if (twice || !words.every(known)) throw refuse(`invalid mode: ${mode}`);
}

/** `--mount`. */
function readMount(request: MountRequest): Wish {
  const { Type: type = 'volume', Source: source = '', Target: target = '' } = request;
  if (!['bind', 'volume', 'tmpfs'].includes(type)) throw badMount(type, 'mount type unknown');
  if (target === '') throw badMount(type, 'field Target must not be empty');
  if (!target.startsWith('/')) throw badMount(type, `invalid mount path: '${target}' mount path must be absolute`);
  if (clean(target) === '/') throw badMount(type, "invalid specification: destination can't be '/'");
  const point = { Destination: clean(target), RW: request.ReadOnly !== true };
  switch (type) {
    case 'bind': {
      if (source === '') throw badMount(type, 'field Source must not be empty');
      if (!source.startsWith('/')) throw badMount(type, `invalid mount path: '${source}' mount path must be absolute`);
      if (request.VolumeOptions !== undefined) throw badMount(type, 'field VolumeOptions must not be specified');
      const options = request.BindOptions ?? {};
      const { Propagation = '' } = options;
      if (Propagation !== '' && !propagations.has(Propagation)) throw badMount(type, `invalid propagation mode: ${Propagation}`);
      if (!existsSync(source) && options.CreateMountpoint !== true) throw badMount(type, `bind source path does not exist: ${source}`);
      return {
        point: { ...point, Type: 'bind', Source: clean(source), Mode: '', Propagation: Propagation === '' ? 'rprivate' : Propagation },
        copyUp: false,
        makeSource: options.CreateMountpoint === true,
        nonRecursive: options.NonRecursive,
        readonlyNonRecursive: options.ReadOnlyNonRecursive,
        anonymous: false,
      };
    }
    case 'tmpfs': {
      if (source !== '') throw badMount(type, 'field Source must not be specified');
      const { SizeBytes = 0, Mode = 0, Options = [] } = request.TmpfsOptions ?? {};
      return {
        point: { ...point, Type: 'tmpfs', Source: '', Mode: '', Propagation: '' },
        copyUp: false,
        makeSource: false,
        anonymous: false,
        tmpfsOptions: [...(SizeBytes > 0 ? [`size=${SizeBytes}`] : []), ...(Mode > 0 ? [`mode=${Mode.toString(8)}`] : []), ...Options.map((option) => option.join('='))],
      };
    }
    default: {
      const options = request.VolumeOptions ?? {};
      const subpath = options.Subpath ?? '';
      if (subpath.startsWith('/') || subpath.split('/').includes('..')) throw badMount(type, 'subpath must be a relative path within the volume');
      return {
        point: { ...point, Type: 'volume', ...(source !== '' && { Name: source }), Source: '', Mode: 'z', Propagation: '' },
        copyUp: options.NoCopy !== true,
        makeSource: false,
        subpath: subpath === '' ? undefined : subpath,
        anonymous: source === '',
        driver: options.DriverConfig?.Name ?? '',
        volumeOptions: options.DriverConfig?.Options ?? null,
        volumeLabels: options.Labels ?? null,
      };
    }
  }
}

function anonymousVolume(destination: string, driver: string): Wish {
  return {
    point: { Type: 'volume', Source: '', Destination: destination, Mode: '', RW: true, Propagation: '' },
    copyUp: true,
    makeSource: false,
    anonymous: true,
    driver,
  };
}

/** Go's filepath.Clean for absolute paths. */
function clean(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
