/** Settings of the network namespace that the caller is in. */
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { writeSysctl } from '#kernel/sysctl.ts';

/** Those of the network, which belong to the namespace the caller is in; others are the OCI runtime's to set. */
export function applySysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(sysctls)) if (/^net[./]/.test(name)) writeSysctl(name, value);
}

/** `net.ipv4.conf.IFNAME.name=value,…` of the endpoint's options, for the interface it has. */
export function endpointSysctls(options: Readonly<Record<string, string>> | null | undefined, name: string): Record<string, string> {
  const settings = (options?.['com.docker.network.endpoint.sysctls'] ?? '').split(',').filter((entry) => entry.includes('='));
  return Object.fromEntries(settings.map((entry) => {
    const equals = entry.indexOf('=');
    return [entry.slice(0, equals).trim().replaceAll('.', '/').replace('IFNAME', name), entry.slice(equals + 1)];
  }));
}

export function setLoopbackUp(): void {
  using routes = new RouteSocket();
  routes.configure(undefined);
}
