/** The interfaces of the network namespace that the caller is in. */
import { readdirSync } from 'node:fs';

/** Those for which the kernel has settings of IPv6, without `all` and `default`; none without IPv6. */
export function networkInterfaceNames(): string[] {
  try {
    return readdirSync('/proc/sys/net/ipv6/conf').filter((name) => name !== 'all' && name !== 'default');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
