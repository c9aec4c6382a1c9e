/** The mounts a container asks for, as inspect's `Mounts` shows them. Pure. */
import { fail } from '#base/errors/failure.ts';
import type { ContainerConfig, HostConfig, MountPoint } from '#schema/container-config.ts';

const propagations = new Set(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']);

/** @throws Docker's texts for specifications that contradict themselves */
export function planMounts(_config: ContainerConfig, hostConfig: HostConfig): MountPoint[] {
  const mounts = new Map<string, MountPoint>();
  const add = (mount: MountPoint): void => {
    if (mounts.has(mount.Destination)) throw fail('api.invalid_parameter', { message: `Duplicate mount point: ${mount.Destination}` });
    mounts.set(mount.Destination, mount);
  };
  for (const bind of hostConfig.Binds ?? []) add(planBind(bind));
  return [...mounts.values()];
}

function planBind(specification: string): MountPoint {
  const invalid = (message: string): Error => fail('api.invalid_parameter', { message });
  const parts = specification.split(':');
  if (parts.length < 2 || parts.length > 3 || parts[0] === '' || parts[1] === '') throw invalid(`invalid volume specification: '${specification}'`);
  const [source = '', destination = '', mode = ''] = parts;
  if (!destination.startsWith('/')) throw invalid(`invalid volume specification: '${specification}': invalid mount config for type "bind": invalid mount path: '${destination}' mount path must be absolute`);
  if (!source.startsWith('/')) throw invalid(`invalid volume specification: '${specification}': named volumes come with the volume store; give an absolute path`);
  const words = mode === '' ? [] : mode.split(',');
  if (words.filter((word) => word === 'ro' || word === 'rw').length > 1) throw invalid(`invalid mode: ${mode}`);
  const propagation = words.filter((word) => propagations.has(word));
  if (propagation.length > 1) throw invalid(`invalid mode: ${mode}`);
  for (const word of words) {
    if (!['ro', 'rw', 'z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent'].includes(word) && !propagations.has(word)) throw invalid(`invalid mode: ${mode}`);
  }
  return { Type: 'bind', Source: source, Destination: normalise(destination), Mode: mode, RW: !words.includes('ro'), Propagation: propagation[0] ?? 'rprivate' };
}

function normalise(path: string): string {
  const clean = path.replace(/\/+/g, '/');
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean;
}
