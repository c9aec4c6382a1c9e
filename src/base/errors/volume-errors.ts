/** Errors of the volume domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const volumeErrors = {
  'volume.not_found': { kind: 'notFound', text: (d) => `get${d['name'] === '' ? '' : ` ${d['name']}`}: no such volume` },
  'volume.update_without_swarm': { kind: 'unavailable', text: () => 'volume update only valid for cluster volumes, but swarm is unavailable' },
  'volume.name_too_short': { kind: 'invalid', text: (d) => `create ${d['name']}: volume name is too short, names should be at least two alphanumeric characters` },
  'volume.name_invalid': {
    kind: 'invalid',
    text: (d) =>
      `create ${d['name']}: ${JSON.stringify(d['name'])} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  },
  'volume.driver_unknown': {
    kind: 'notFound',
    text: (d) => `create ${d['name']}: error looking up volume plugin ${d['driver']}: plugin "${d['driver']}" not found`,
  },
  'volume.option_invalid': { kind: 'invalid', text: (d) => `create ${d['name']}: invalid option: ${JSON.stringify(d['option'])}` },
  'volume.option_missing': { kind: 'invalid', text: (d) => `create ${d['name']}: missing required option: ${JSON.stringify(d['option'])}` },
  'volume.in_use': { kind: 'conflict', text: (d) => `remove ${d['name']}: volume is in use - [${d['users']}]` },
  'volume.mount_failed': {
    kind: 'system',
    text: (d) => `error while mounting volume '${d['mountpoint']}': failed to mount local volume: ${d['attempt']}: ${d['reason']}`,
  },
  'mount.invalid': { kind: 'invalid', text: (d) => `invalid mount config for type "${d['type']}": ${d['reason']}` },
  'mount.bind_invalid': { kind: 'system', text: (d) => `${d['message']}` },
  'mount.specification_invalid': { kind: 'invalid', text: (d) => `${d['message']}` },
  'mount.subpath_missing': { kind: 'system', text: (d) => `cannot access path ${d['path']}: lstat ${d['path']}: ${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
