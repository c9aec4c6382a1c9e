/** Errors of the volume domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

const setup =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';

/** As runc says it under Docker. */
function mountpointRefused(d: Readonly<Record<string, unknown>>): string {
  return `${setup}error mounting ${JSON.stringify(d['source'])} to rootfs at ${JSON.stringify(d['destination'])}: create mountpoint for ${d['destination']} mount: `;
}

/** Empty for a driver that is looked up on the way to something else. */
function withOperation(d: Readonly<Record<string, unknown>>): string {
  return d['operation'] === '' ? '' : `${d['operation']} ${d['name']}: `;
}

export const volumeErrors = {
  'volume.not_found': { kind: 'notFound', text: (d) => `get${d['name'] === '' ? '' : ` ${d['name']}`}: no such volume` },
  'volume.update_without_swarm': { kind: 'unavailable', text: () => 'volume update only valid for cluster volumes, but swarm is unavailable' },
  'volume.name_too_short': { kind: 'invalid', text: (d) => `create ${d['name']}: volume name is too short, names should be at least two alphanumeric characters` },
  'volume.name_invalid': {
    kind: 'invalid',
    text: (d) =>
      `create ${d['name']}: ${JSON.stringify(d['name'])} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  },
  'volume.driver_unknown': { kind: 'notFound', text: (d) => `${withOperation(d)}${d['reason']}` },
  'volume.driver_failed': { kind: 'system', text: (d) => `${withOperation(d)}${d['reason']}` },
  'volume.driver_unavailable': {
    kind: 'system',
    text: (d) => `get ${d['name']}: error while checking if volume ${JSON.stringify(d['name'])} exists in driver ${JSON.stringify(d['driver'])}: ${d['reason']}`,
  },
  'volume.name_conflict': { kind: 'conflict', text: (d) => `create ${d['name']}: ${d['reason']}: volume name must be unique` },
  'volume.option_invalid': { kind: 'invalid', text: (d) => `create ${d['name']}: invalid option: ${JSON.stringify(d['option'])}` },
  'volume.option_missing': { kind: 'invalid', text: (d) => `create ${d['name']}: missing required option: ${JSON.stringify(d['option'])}` },
  'volume.cifs_port': { kind: 'invalid', text: (d) => `create ${d['name']}: port not allowed in CIFS device URL, include 'port' in 'o='` },
  'volume.size_invalid': { kind: 'invalid', text: (d) => `create ${d['name']}: ${d['problem']}` },
  'volume.quota_unsupported': { kind: 'invalid', text: (d) => `create ${d['name']}: quota size requested but no quota support` },
  'volume.path_too_long': { kind: 'system', text: (d) => `create ${d['name']}: error while creating volume root path '${d['path']}': mkdir ${d['path']}: file name too long` },
  'volume.not_mountable': { kind: 'system', text: (d) => `error while mounting volume '${d['mountpoint']}': ${d['reason']}` },
  'volume.exists': { kind: 'conflict', text: (d) => `a volume named ${d['name']} is there already; remove it or choose another name` },
  'volume.in_use': { kind: 'conflict', text: (d) => `remove ${d['name']}: volume is in use - [${d['users']}]` },
  'volume.mount_failed': {
    kind: 'system',
    text: (d) => `error while mounting volume '${d['mountpoint']}': failed to mount local volume: ${d['attempt']}: ${d['reason']}`,
  },
  'mount.recursive_readonly_unsupported': { kind: 'system', text: () => 'rro is not supported: function not implemented (kernel is older than 5.12?)' },
  'mount.invalid': { kind: 'invalid', text: (d) => `invalid mount config for type "${d['type']}": ${d['reason']}` },
  'mount.not_propagating': { kind: 'system', text: (d) => `path ${d['source']} is mounted on ${d['mountPoint']} but it is not a ${d['wanted']} mount` },
  'mount.source_not_made': { kind: 'system', text: (d) => `error while creating mount source path '${d['source']}': mkdir ${d['path']}: ${d['reason']}` },
  'mount.source_below_file': {
    kind: 'invalid',
    text: (d) => `${setup}failed to fulfil mount request: open ${d['source']}: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
  },
  'mount.not_there': { kind: 'notFound', text: (d) => `container ${d['container']} has no mount at ${d['destination']}` },
  'mount.bind_invalid': { kind: 'system', text: (d) => `${d['message']}` },
  'mount.specification_invalid': { kind: 'invalid', text: (d) => `${d['message']}` },
  'mount.subpath_missing': { kind: 'system', text: (d) => `cannot access path ${d['path']}: lstat ${d['missing']}: no such file or directory` },
  'mount.subpath_escapes': { kind: 'system', text: (d) => `path concatenation escapes the base directory, base: ${d['base']}, subpath: ${d['subpath']}` },
  'mount.subpath_unresolved': { kind: 'invalid', text: (d) => `error while resolving symlinks in combined path "${d['path']}": ${d['reason']}` },
  'mount.copy_onto_file': { kind: 'system', text: (d) => `source ${d['path']} is not directory` },
  'mount.over_root': {
    kind: 'system',
    text: (d) => `${mountpointRefused(d)}mountpoint ${JSON.stringify(d['rootfs'])} is on the top of rootfs ${JSON.stringify(d['rootfs'])}`,
  },
  'mount.over_proc': {
    kind: 'invalid',
    text: (d) => `${mountpointRefused(d)}check proc-safety of ${d['destination']} mount: ${JSON.stringify(d['path'])} cannot be mounted because it is ${d['reason']}`,
  },
  'mount.proc_entry_missing': {
    kind: 'invalid',
    text: (d) => `${mountpointRefused(d)}make mountpoint ${JSON.stringify(d['destination'])}: mkdirat ${d['path']}: no such file or directory`,
  },
} as const satisfies Record<string, ErrorRow>;
