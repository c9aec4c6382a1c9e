/** Ports that were chosen for a container stay its own while its networks change. Pure. */
import type { PortMap } from '#schema/container-config.ts';

/**
 * What is asked for, with the host ports had so far where any, or one of a range, would do. With several
 * bindings of one such port there is no telling which had which: they are chosen anew.
 */
export function keepPorts(request: { readonly exposedPorts: readonly string[]; readonly portBindings: PortMap; readonly publishAll: boolean }, had: PortMap): PortMap {
  const kept: PortMap = { ...request.portBindings };
  for (const key of request.exposedPorts) {
    const asked = request.portBindings[key] ?? [];
    const list = asked.length === 0 && request.publishAll ? [{ HostIp: '', HostPort: '' }] : asked;
    const [only] = list;
    const HostPort = had[key]?.find((binding) => binding.HostPort !== '')?.HostPort;
    if (list.length === 1 && only !== undefined && HostPort !== undefined && !/^\d+$/.test(only.HostPort)) kept[key] = [{ ...only, HostPort }];
  }
  return kept;
}
