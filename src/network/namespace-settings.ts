/** Settings of the network namespace that the caller is in. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { readSysctl, sysctlPath, writeSysctl } from '#kernel/sysctl.ts';

/** Those of the network, which belong to the namespace the caller is in; others are the OCI runtime's to set. */
export function applySysctls(sysctls: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(sysctls)) if (/^net[./]/.test(name)) writeSysctl(name, value);
}

export const endpointOption = { sysctls: 'com.docker.network.endpoint.sysctls' } as const;

/** Applies `net.ipv4.conf.IFNAME.name=value,…` of the endpoint's options to the interface it has. @throws network.interface_failed, with Docker's texts */
export function applyEndpointSysctls(options: Readonly<Record<string, string>> | null | undefined, endpoint: { readonly hostInterface: string }, name: string): void {
  const text = options?.[endpointOption.sysctls] ?? '';
  if (text === '') return;
  const refused = (reason: string): Error => fail('network.interface_failed', { interface: endpoint.hostInterface === '' ? name : endpoint.hostInterface, reason });
  for (const entry of text.split(',')) {
    const equals = entry.indexOf('=');
    if (equals < 0) throw refused(`expected sysctl '${entry}' to have format name=value`);
    const setting = entry.slice(0, equals).trim().replaceAll('.', '/').replace(/\/(?:IFNAME|ifname)\//, `/${name}/`);
    if (readSysctl(setting) === undefined) throw refused(`${sysctlPath(setting)} is not a sysctl file`);
    try {
      writeSysctl(setting, entry.slice(equals + 1));
    } catch (error) {
      if (!isFailure(error, 'kernel.syscall_failed')) throw error;
      const path = sysctlPath(setting);
      throw refused(`unable to write to '${path}': write ${path}: ${String(error.details['reason'])}`);
    }
  }
}

export function setLoopbackUp(): void {
  using routes = new RouteSocket();
  routes.configure(undefined);
}
