/** Questions about the running kernel. */
import { existsSync } from 'node:fs';
import { release } from 'node:os';

export function kernelRelease(): string {
  return release();
}

/** Whether processes can install seccomp filters. */
export function seccompSupported(): boolean {
  return existsSync('/proc/sys/kernel/seccomp/actions_avail');
}

/** Whether the kernel has this parameter, `net.ipv4.ip_forward`. */
export function sysctlExists(name: string): boolean {
  return existsSync(`/proc/sys/${name.replaceAll('.', '/')}`);
}

/** Whether a mount can be made read-only with everything below it (mount_setattr, Linux 5.12). */
export function recursiveReadonlySupported(): boolean {
  const [major = 0, minor = 0] = release().split(/[.-]/, 2).map(Number);
  return major > 5 || (major === 5 && minor >= 12);
}

/** Whether the kernel shows its memory as a file, proc(5). */
export function kernelMemoryFileExists(): boolean {
  return existsSync('/proc/kcore');
}

/** Whether SELinux labels what runs here. */
export function selinuxEnabled(): boolean {
  return existsSync('/sys/fs/selinux/enforce');
}

/** Whether the cgroups are those of version 2 alone, cgroups(7). */
export function unifiedCgroups(): boolean {
  return existsSync('/sys/fs/cgroup/cgroup.controllers');
}
