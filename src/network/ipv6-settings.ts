/**
 * Settings of the kernel for IPv6, of the host and inside containers. Forwarding makes a host ignore router
 * advertisements unless told otherwise, so whoever gets its way out by them keeps it.
 */
import { isFailure } from '#base/errors/failure.ts';
import { networkInterfaceNames } from '#kernel/network-interfaces.ts';
import { ensureSysctl, readSysctl, writeSysctl } from '#kernel/sysctl.ts';

/** On or off for an interface of the caller's namespace. Networks without IPv6 have no link-local addresses either. */
export function switchIPv6(name: string, on: boolean): void {
  const setting = `net/ipv6/conf/${name}/disable_ipv6`;
  if (on) {
    ensureSysctl(setting, '0');
    return;
  }
  try {
    writeSysctl(setting, '1');
  } catch (error) {
    // A kernel without IPv6 has no such setting, and where settings are read-only the address does no harm.
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
  }
}

/** Lets packets of IPv6 pass between bridges and the outside. @throws kernel.syscall_failed */
export function enableForwarding6(): void {
  const forwarding = 'net/ipv6/conf/all/forwarding';
  if (readSysctl(forwarding) === '1') return;
  // Before forwarding is on: the kernel drops default routes from advertisements as it is switched on.
  for (const name of networkInterfaceNames()) {
    const accept = `net/ipv6/conf/${name}/accept_ra`;
    if (readSysctl(accept) === '1' && readSysctl(`net/ipv6/conf/${name}/forwarding`) === '0') writeSysctl(accept, '2');
  }
  // Interfaces that come later are no different.
  if (readSysctl('net/ipv6/conf/default/accept_ra') === '1') writeSysctl('net/ipv6/conf/default/accept_ra', '2');
  writeSysctl(forwarding, '1');
}

/** Prepares a bridge for IPv6: it takes no advertisements of its containers. @throws kernel.syscall_failed where the kernel has no IPv6 */
export function enableBridge6(name: string): void {
  ensureSysctl(`net/ipv6/conf/${name}/disable_ipv6`, '0');
  ensureSysctl(`net/ipv6/conf/${name}/accept_ra`, '0');
}
