/** Paths of the namespaces of running processes, proc_pid_ns(5). */

export type NamespaceKind = 'cgroup' | 'ipc' | 'mnt' | 'net' | 'pid' | 'user' | 'uts';

/** A path that names the namespace while the process lives. */
export function namespacePathOf(pid: number, kind: NamespaceKind): string {
  return `/proc/${pid}/ns/${kind}`;
}
