/** Namespaces of a container: own ones, those of the host (left out), or those of another container (by path). */
import type { HostConfig } from '#schema/container-config.ts';
import type { SpecificationNamespace } from './types.ts';

export interface NamespacePaths {
  /** Undefined: the host's users. */
  readonly user?: string | undefined;
  /** Undefined: the host's network. */
  readonly network: string | undefined;
  /** For `PidMode` and `IpcMode` `container:…`, where needed. */
  readonly pid?: string | undefined;
  readonly ipc?: string | undefined;
}

export function namespaces(settings: Pick<HostConfig, 'PidMode' | 'IpcMode' | 'UTSMode' | 'CgroupnsMode'>, paths: NamespacePaths): SpecificationNamespace[] {
  const list: SpecificationNamespace[] = [{ type: 'mount' }];
  if (paths.user !== undefined) list.unshift({ type: 'user', path: paths.user });
  if (paths.network !== undefined) list.push({ type: 'network', path: paths.network });
  if (settings.UTSMode !== 'host') list.push({ type: 'uts' });
  if (settings.PidMode !== 'host') list.push(joined('pid', settings.PidMode, paths.pid));
  if (settings.IpcMode !== 'host') list.push(joined('ipc', settings.IpcMode, paths.ipc));
  if (settings.CgroupnsMode === 'private') list.push({ type: 'cgroup' });
  return list;
}

function joined(type: 'pid' | 'ipc', mode: string, path: string | undefined): SpecificationNamespace {
  if (!mode.startsWith('container:')) return { type };
  if (path === undefined) throw new Error(`bug: ${type} mode ${mode} without the path of the namespace`);
  return { type, path };
}
