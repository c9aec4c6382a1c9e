/** Gives a container the devices of the Container Device Interface that it names, by editing its OCI specification. */
import { fail } from '#base/errors/failure.ts';
import type { CgroupDeviceRule } from '#kernel/cgroups/contract.ts';
import type { HostConfig } from '#schema/container-config.ts';
import type { DeviceSource } from '../specification/devices.ts';
import type { RuntimeSpecification, SpecificationDevice, SpecificationHook } from '../specification/types.ts';
import type { ContainerEdits, DeviceCatalog, DeviceEdit } from './device-catalog.ts';

/** The names that `--device vendor.com/class=name` asked for. @throws runtime.cdi_request_invalid */
export function requestedDevices({ DeviceRequests }: Pick<HostConfig, 'DeviceRequests'>): string[] {
  return (DeviceRequests ?? []).filter(({ Driver }) => Driver === 'cdi').flatMap(({ DeviceIDs, Count, Options }) => {
    if (Count !== 0) throw fail('runtime.cdi_request_invalid', { what: 'count' });
    if (Object.keys(Options ?? {}).length > 0) throw fail('runtime.cdi_request_invalid', { what: 'options' });
    return DeviceIDs ?? [];
  });
}

/** What other drivers are asked for. */
export function withoutRequestedDevices(settings: HostConfig): HostConfig {
  return { ...settings, DeviceRequests: settings.DeviceRequests?.filter(({ Driver }) => Driver !== 'cdi') ?? null };
}

/** @throws runtime.cdi_device_unknown, runtime.cdi_device_unusable */
export function injectDevices(specification: RuntimeSpecification, names: readonly string[], { devices }: DeviceCatalog, source: Pick<DeviceSource, 'devicesAt'>): RuntimeSpecification {
  const unknown = names.filter((name) => !devices.has(name));
  if (unknown.length > 0) throw fail('runtime.cdi_device_unknown', { devices: unknown.join(', ') });
  const edits = new Set<ContainerEdits>();
  for (const name of names) {
    const device = devices.get(name);
    if (device === undefined) continue;
    edits.add(device.common.edits);
    edits.add(device.edits);
  }
  return [...edits].reduce((edited, edit) => apply(edited, edit, source), specification);
}

function apply(specification: RuntimeSpecification, edits: ContainerEdits, source: Pick<DeviceSource, 'devicesAt'>): RuntimeSpecification {
  const { process, linux } = specification;
  const nodes = (edits.deviceNodes ?? []).map((edit) => nodeOf(edit, source));
  const rules = nodes.flatMap(({ node: { type, major, minor }, access }): CgroupDeviceRule[] => (type === 'p' ? [] : [{ allow: true, type, major, minor, access }]));
  const mounts = (edits.mounts ?? []).map(({ hostPath, containerPath, options = [], type = 'bind' }) => ({ destination: containerPath, type, source: hostPath, options: options.length === 0 ? ['bind'] : options }));
  return {
    ...specification,
    process: {
      ...process,
      env: lastOf([...process.env, ...(edits.env ?? [])], (variable) => variable.slice(0, variable.indexOf('='))),
      user: { ...process.user, additionalGids: [...new Set([...process.user.additionalGids, ...(edits.additionalGids ?? []).filter((gid) => gid !== 0)])] },
    },
    // Outer ones first, so that none hides another.
    mounts: mounts.length === 0 ? specification.mounts : lastOf([...specification.mounts, ...mounts], ({ destination }) => destination).toSorted((a, b) => depthOf(a.destination) - depthOf(b.destination)),
    ...withHooks(specification, edits),
    linux: {
      ...linux,
      ...(nodes.length > 0 && { devices: lastOf([...(linux.devices ?? []), ...nodes.map(({ node }) => node)], ({ path }) => path) }),
      resources: { ...linux.resources, ...(rules.length > 0 && { devices: [...(linux.resources.devices ?? []), ...rules] }) },
    },
  };
}

function nodeOf(edit: DeviceEdit, source: Pick<DeviceSource, 'devicesAt'>): { node: SpecificationDevice; access: string } {
  const { path, hostPath = path, type, major, minor, fileMode = 0o666, permissions = 'rwm' } = edit;
  const access = permissions === '' ? 'rwm' : permissions;
  const owner = { fileMode, uid: edit.uid ?? 0, gid: edit.gid ?? 0 };
  if ((type === 'b' || type === 'c') && major !== undefined && minor !== undefined) return { node: { path, type, major, minor, ...owner }, access };
  const found = source.devicesAt(hostPath, path);
  if ('reason' in found) throw fail('runtime.cdi_device_unusable', { path: hostPath, reason: found.reason });
  const [host] = found;
  if (host === undefined) throw fail('runtime.cdi_device_unusable', { path: hostPath, reason: 'not a device node' });
  return { node: { ...host, path, ...owner }, access };
}

function withHooks({ hooks }: RuntimeSpecification, { hooks: added = [] }: ContainerEdits): Pick<RuntimeSpecification, 'hooks'> {
  if (added.length === 0) return {};
  const all: Record<string, SpecificationHook[]> = Object.fromEntries(Object.entries(hooks ?? {}).map(([name, list]) => [name, [...list]]));
  for (const { hookName, path, args, env, timeout } of added) {
    (all[hookName] ??= []).push({ path, ...(args !== undefined && { args }), ...(env !== undefined && { env }), ...(timeout !== undefined && { timeout }) });
  }
  return { hooks: all };
}

/** Of several with one key the last, in the first one's place. */
function lastOf<T>(entries: readonly T[], keyOf: (entry: T) => string): T[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}

function depthOf(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}
