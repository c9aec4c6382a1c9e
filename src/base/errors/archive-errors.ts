/** Errors of copying files into and out of containers. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const archiveErrors = {
  'archive.path_not_found': { kind: 'notFound', text: (d) => `Could not find the file ${d['path']} in container ${d['container']}` },
  'archive.path_missing': { kind: 'invalid', text: () => 'bad parameter: pathcannot be empty' },
  'archive.path_unusable': { kind: 'system', text: (d) => `${d['message']}` },
  'archive.not_a_directory': { kind: 'invalid', text: () => 'extraction point is not a directory' },
  'archive.root_read_only': { kind: 'invalid', text: () => 'container rootfs is marked read-only' },
  'archive.volume_read_only': { kind: 'invalid', text: () => 'mounted volume is marked read-only' },
  'archive.overwrites': { kind: 'system', text: (d) => `cannot overwrite ${d['present']} ${d['name']} with ${d['wanted']} "/"` },
  'archive.disk_full': { kind: 'system', text: (d) => `write ${d['path']}: no space left on device` },
  'archive.export_refused': { kind: 'conflict', text: (d) => `You cannot export container ${d['id']} which is ${d['state']}` },
} as const satisfies Record<string, ErrorRow>;
