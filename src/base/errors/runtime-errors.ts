/** Errors of the runtime domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

/** Go's `%q` of an ordinary string. */
const quoted = (value: unknown): string => JSON.stringify(String(value));

export const runtimeErrors = {
  'runtime.start_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'runtime.shim_missing': { kind: 'system', text: (d) => `cannot start ${d['path']}: ${d['reason']}; build it with native/shim/build` },
  'runtime.init_missing': { kind: 'system', text: (d) => `cannot start a container with --init: ${d['path']} is missing; build it with native/init/build` },
  'runtime.shim_protocol': { kind: 'system', text: (d) => `the shim at ${d['path']} ${d['reason']}` },
  'runtime.path_too_long': {
    kind: 'system',
    text: (d) => `socket path ${d['path']} has ${d['length']} bytes of which the kernel takes ${d['limit']}, choose a shorter --exec-root`,
  },
  'runtime.setting_invalid': { kind: 'invalid', text: (d) => `${d['message']}` },
  'runtime.capability_unknown': { kind: 'invalid', text: (d) => `invalid ${d['field']}: unknown capability: ${quoted(d['capability'])}` },
  'runtime.capability_unavailable': {
    kind: 'invalid',
    text: (d) => `invalid ${d['field']}: capability not supported by your kernel or not available in the current environment: ${quoted(d['capability'])}`,
  },
  'runtime.security_option_invalid': { kind: 'system', text: (d) => `invalid --security-opt ${d['check']}: ${quoted(d['option'])}` },
  'runtime.user_not_found': { kind: 'system', text: (d) => `unable to find user ${d['user']}: no matching entries in passwd file` },
  'runtime.group_not_found': { kind: 'system', text: (d) => `unable to find group ${d['group']}: no matching entries in group file` },
  'runtime.identifier_out_of_range': { kind: 'system', text: () => 'uids and gids must be in range 0-2147483647' },
  'runtime.device_unavailable': {
    kind: 'system',
    text: (d) => `error gathering device information while adding custom device ${quoted(d['path'])}: ${d['reason']}`,
  },
  'runtime.device_rule_invalid': { kind: 'system', text: (d) => `invalid ${d['part']}device cgroup rule format: '${d['rule']}'` },
  'runtime.device_driver_missing': {
    kind: 'system',
    text: (d) => `could not select device driver ${quoted(d['driver'])} with capabilities: ${d['capabilities']}`,
  },
  'runtime.cdi_request_invalid': { kind: 'invalid', text: (d) => `unexpected ${d['what']} in CDI device request` },
  'runtime.cdi_device_unusable': { kind: 'system', text: (d) => `CDI device injection failed: failed to inject devices: ${d['path']}: ${d['reason']}` },
  'runtime.cdi_device_unknown': { kind: 'system', text: (d) => `CDI device injection failed: unresolvable CDI devices ${d['devices']}` },
  'runtime.throttled_device_unavailable': { kind: 'system', text: (d) => `stat ${d['path']}: ${d['reason']}` },
  'runtime.tmpfs_option_invalid': { kind: 'system', text: (d) => `invalid tmpfs option ${quoted(d['option'])}` },
  'runtime.seccomp_profile_invalid': { kind: 'system', text: (d) => `${d['message']}` },
  'runtime.seccomp_missing': { kind: 'system', text: () => 'seccomp is not enabled in your kernel, cannot run a custom seccomp profile' },
  'runtime.missing': {
    kind: 'system',
    text: () => 'no OCI runtime was found in the usual places: neither crun nor runc is installed; install one (apt-get install crun)',
  },
  'runtime.program_missing': { kind: 'invalid', text: (d) => `runtime ${d['name']} is configured as ${d['program']}, which is no program on this machine` },
} as const satisfies Record<string, ErrorRow>;
