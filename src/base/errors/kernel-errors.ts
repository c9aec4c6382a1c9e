/** Errors of the kernel domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const kernelErrors = {
  'kernel.syscall_failed': { kind: 'system', text: (d) => `${d['syscall']}${d['path'] === undefined ? '' : ` ${d['path']}`}: ${d['reason']}` },
  'kernel.fuse_overlay_failed': { kind: 'system', text: (d) => `using mount program fuse-overlayfs: exit status ${d['exitCode']}: ${d['reason'] === '' ? '<stderr empty>' : d['reason']}` },
  'kernel.bus_call_failed': { kind: 'system', text: (d) => `call of ${d['member']} over the system bus failed: ${d['reason']}` },
  'kernel.copy_failed': { kind: 'system', text: (d) => `copying ${d['source']} of the image to ${d['destination']} failed: ${d['reason']}` },
  'kernel.cgroup_setting_refused': { kind: 'system', text: (d) => `cannot set ${d['file']} to ${d['value']}: ${d['reason']}` },
  'kernel.cgroups_missing': { kind: 'system', text: () => 'cannot limit containers: no cgroup file system is mounted at /sys/fs/cgroup; mount cgroup2 there and start the engine again' },
  'kernel.process_list_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'kernel.identity_unmapped': { kind: 'system', text: (d) => `Container ID ${d['id']} cannot be mapped to a host ID` },
  'kernel.archive_failed': { kind: 'invalid', text: (d) => `the archive could not be packed or unpacked: ${d['reason']}` },
  'kernel.mount_busy': {
    kind: 'conflict',
    text: (d) => `cannot take away the mount at ${d['destination']}: it is in use${d['holders'] === '' ? '' : ` by ${d['holders']}`}; end that use and try again`,
  },
  'kernel.mount_below': { kind: 'conflict', text: (d) => `cannot change the mount at ${d['destination']}: ${d['below']} is mounted below it; take that away first` },
  'kernel.mount_through_link': { kind: 'conflict', text: (d) => `cannot mount at ${d['path']}: the path leads through a symbolic link; give the path it leads to` },
  'kernel.mount_kinds_differ': { kind: 'conflict', text: (d) => `cannot mount at ${d['destination']}: a ${d['place']} is there and the source is none` },
  'kernel.namespace_gone': { kind: 'conflict', text: () => 'the container has ended meanwhile' },
} as const satisfies Record<string, ErrorRow>;
