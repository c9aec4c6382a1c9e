/** `--mount`: one object of `HostConfig.Mounts`. */
import { fail } from '#base/errors/failure.ts';
import type { Presence } from '#kernel/presence.ts';
import type { MountRequest } from '#schema/container-config.ts';
import { cleanPath, propagations, type MountWish } from './mount-wish.ts';

const badMount = (type: string, reason: string): Error => fail('mount.invalid', { type, reason });

/** @throws mount.invalid with Docker's texts */
export function readMount(request: MountRequest, sources: ReadonlyMap<string, Presence>): MountWish {
  const { Type: type = '', Source: source = '', Target: target = '' } = request;
  if (target === '') throw badMount(type, 'field Target must not be empty');
  if (!['bind', 'volume', 'tmpfs', 'image'].includes(type)) throw badMount(type, 'mount type unknown');
  if (!target.startsWith('/')) throw badMount(type, `invalid mount path: '${target}' mount path must be absolute`);
  if (cleanPath(target) === '/') throw badMount(type, "invalid specification: destination can't be '/'");
  if (request.ImageOptions !== undefined && type !== 'image') throw badMount(type, 'field ImageOptions must not be specified');
  const point = { Destination: cleanPath(target), RW: request.ReadOnly !== true };
  switch (type) {
    case 'bind': {
      if (source === '') throw badMount(type, 'field Source must not be empty');
      if (!source.startsWith('/')) throw badMount(type, `invalid mount path: '${source}' mount path must be absolute`);
      if (request.VolumeOptions !== undefined) throw badMount(type, 'field VolumeOptions must not be specified');
      const options = request.BindOptions ?? {};
      const { Propagation = '' } = options;
      if (Propagation !== '' && !propagations.has(Propagation)) throw badMount(type, `invalid propagation mode: ${Propagation}`);
      const presence = sources.get(source) ?? 'missing';
      if (typeof presence === 'object') throw badMount(type, `stat ${source}: ${presence.fault}`);
      if (presence === 'missing' && options.CreateMountpoint !== true) throw badMount(type, `bind source path does not exist: ${source}`);
      return {
        point: { ...point, Type: 'bind', Source: cleanPath(source), Mode: '', Propagation: Propagation === '' ? 'rprivate' : Propagation },
        copyUp: false,
        makeSource: options.CreateMountpoint === true,
        propagationGiven: Propagation !== '',
        nonRecursive: options.NonRecursive,
        readonlyNonRecursive: options.ReadOnlyNonRecursive,
        readonlyForceRecursive: options.ReadOnlyForceRecursive,
        anonymous: false,
      };
    }
    case 'tmpfs': {
      if (source !== '') throw badMount(type, 'field Source must not be specified');
      const { SizeBytes = 0, Mode = 0, Options = [] } = request.TmpfsOptions ?? {};
      for (const option of Options) checkTmpfsOption(option);
      return {
        point: { ...point, Type: 'tmpfs', Source: '', Mode: '', Propagation: '' },
        copyUp: false,
        makeSource: false,
        anonymous: false,
        tmpfsOptions: [...(SizeBytes !== 0 ? [`size=${SizeBytes}`] : []), ...(Mode > 0 ? [`mode=${Mode.toString(8)}`] : []), ...Options.map((option) => option.join('='))],
      };
    }
    case 'image':
      if (source === '') throw badMount(type, 'field Source must not be empty');
      return {
        point: { ...point, Type: 'image', Name: source, Source: '', Mode: '', RW: false, Propagation: 'rprivate' },
        copyUp: false,
        makeSource: false,
        anonymous: false,
        subpath: readSubpath(type, request.ImageOptions?.Subpath),
      };
    default: {
      const options = request.VolumeOptions ?? {};
      const subpath = readSubpath(type, options.Subpath);
      if (source === '' && subpath !== undefined) throw badMount(type, 'must not set Subpath when using anonymous volumes');
      if (source === '' && request.ReadOnly === true) throw badMount(type, 'must not set ReadOnly mode when using anonymous volumes');
      return {
        point: { ...point, Type: 'volume', ...(source !== '' && { Name: source }), Source: '', Mode: 'z', Propagation: '' },
        copyUp: options.NoCopy !== true,
        makeSource: false,
        subpath,
        anonymous: source === '',
        modeIsDefault: true,
        driver: options.DriverConfig?.Name ?? '',
        volumeOptions: options.DriverConfig?.Options ?? null,
        volumeLabels: options.Labels ?? null,
      };
    }
  }
}

/** Undefined: all of it. */
function readSubpath(type: string, subpath = ''): string | undefined {
  if (subpath === '') return undefined;
  let depth = 0;
  for (const name of subpath.split('/')) {
    if (name === '..') depth--;
    else if (name !== '' && name !== '.') depth++;
    if (depth < 0) break;
  }
  if (subpath.startsWith('/') || depth < 0) throw badMount(type, 'subpath must be a relative path within the volume');
  return subpath;
}

function checkTmpfsOption([name = '', ...more]: readonly string[]): void {
  if (name === '' || more.length > 1) throw badMount('tmpfs', 'invalid option array length');
  if (name !== 'exec' && name !== 'noexec') throw badMount('tmpfs', `invalid option: ${name}`);
}
