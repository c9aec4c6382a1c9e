/** Kernel parameters of a container's namespaces. */
import type { HostConfig } from '#schema/container-config.ts';

/** As many group numbers as the kernel lets ping. */
const allGroups = 2_147_483_648;

/**
 * Docker's defaults for a network of the container's own (ping without CAP_NET_RAW, low ports without
 * CAP_NET_BIND_SERVICE) where the kernel has them, the domain name, then what the configuration says.
 */
export function sysctls(
  settings: Pick<HostConfig, 'NetworkMode' | 'Sysctls'>,
  domainname: string,
  exists: (name: string) => boolean,
  groups = allGroups,
): Record<string, string> {
  const values: Record<string, string> = {};
  if (domainname !== '') values['kernel.domainname'] = domainname;
  if (settings.NetworkMode !== 'host' && !settings.NetworkMode.startsWith('container:')) {
    if (exists('net.ipv4.ping_group_range')) values['net.ipv4.ping_group_range'] = `0 ${groups - 1}`;
    if (exists('net.ipv4.ip_unprivileged_port_start')) values['net.ipv4.ip_unprivileged_port_start'] = '0';
  }
  return { ...values, ...settings.Sysctls };
}
