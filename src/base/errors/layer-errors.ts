/** Errors of layers, snapshots and tar archives. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const layerErrors = {
  'layer.not_found': { kind: 'notFound', text: () => 'layer does not exist' },
  'layer.has_child': { kind: 'conflict', text: (d) => `layer ${d['chainId']} cannot be removed: layer ${d['child']} lies on it` },
  'layer.in_use': { kind: 'conflict', text: (d) => `layer ${d['chainId']} cannot be removed: it is being read or built upon; try again` },
  'layer.too_deep': { kind: 'system', text: () => 'max depth exceeded' },
  'layer.invalid_archive': { kind: 'system', text: (d) => `${d['message']}` },
  'layer.digest_mismatch': { kind: 'invalid', text: (d) => `layer verification failed for digest ${d['expected']}, got ${d['actual']}` },
  'layer.too_large': { kind: 'invalid', text: (d) => `layer archive is larger than ${d['maximum']} bytes when uncompressed` },
  'layer.disk_full': { kind: 'system', text: (d) => `write ${d['path']}: no space left on device` },
  'layer.compression_failed': { kind: 'system', text: (d) => `igzip could not compress the layer: ${d['reason']}; zlib does it from now on, so try again` },
  'snapshot.not_found': { kind: 'notFound', text: (d) => `there is no file system of container ${d['id']}` },
  'snapshot.exists': { kind: 'conflict', text: (d) => `there is a file system of container ${d['id']} already` },
  'snapshot.overlay_unsupported': { kind: 'system', text: (d) => `overlay cannot be mounted below ${d['path']}: ${d['reason']}; choose the storage driver vfs, which copies` },
  'snapshot.fuse_unsupported': { kind: 'system', text: (d) => `error initializing graphdriver: fuse-overlayfs cannot be used below ${d['path']}: ${d['reason']}: driver not supported` },
  'snapshot.several_drivers': { kind: 'system', text: (d) => `error initializing graphdriver: ${d['path']} contains several valid graphdrivers: ${d['drivers']}; cleanup or explicitly choose storage driver (-s <DRIVER>)` },
  'snapshot.prior_driver_failed': { kind: 'system', text: (d) => `error initializing graphdriver: prior storage driver ${d['driver']} failed: ${d['reason']}` },
  'snapshot.option_refused': { kind: 'system', text: (d) => `${d['message']}` },
  'snapshot.quotas_unsupported': {
    kind: 'system',
    text: (d) => `error initializing graphdriver: Storage option ${d['driver']}.size not supported. Filesystem does not support Project Quota: Filesystem does not support, or has not enabled quotas`,
  },
  'snapshot.remapping_unsupported': {
    kind: 'system',
    text: (d) => `userns-remap cannot be had for ${d['path']}: an idmapped mount of it is refused: ${d['reason']}; it takes Linux 5.19 or later and a file system that can (ext4, xfs, btrfs), so move the data root there or leave the option out`,
  },
  'snapshot.not_remapped': { kind: 'system', text: (d) => `container ${d['id']} was made with users of its own, which this daemon has none for; start the daemon with userns-remap again` },
} as const satisfies Record<string, ErrorRow>;
