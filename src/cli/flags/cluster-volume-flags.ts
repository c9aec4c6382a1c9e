/** Flags of `volume create` for volumes of a cluster, and what the API is asked for by them. */
import type { ClusterVolumeSpecification, VolumeTopology } from '#schema/volume-views.ts';
import { listFlag, mapFlag } from './list-flags.ts';
import { textFlag } from './scalar-flags.ts';
import { bytesFlag } from './size-flags.ts';

const requires = { version: '1.42', swarm: 'manager' } as const;

export const clusterVolumeFlags = {
  group: textFlag({ text: 'Cluster Volume group (cluster volumes)', requires }),
  scope: textFlag({ text: 'Cluster Volume access scope ("single", "multi")', initial: 'single', requires }),
  sharing: textFlag({ text: 'Cluster Volume access sharing ("none", "readonly", "onewriter", "all")', initial: 'none', requires }),
  availability: textFlag({ text: 'Cluster Volume availability ("active", "pause", "drain")', initial: 'active', requires }),
  type: textFlag({ text: 'Cluster Volume access type ("mount", "block")', initial: 'block', requires }),
  secret: mapFlag({ text: 'Cluster Volume secrets', requires }),
  'limit-bytes': bytesFlag({ text: 'Minimum size of the Cluster Volume in bytes', requires }),
  'required-bytes': bytesFlag({ text: 'Maximum size of the Cluster Volume in bytes', requires }),
  'topology-required': listFlag({ text: 'A topology that the Cluster Volume must be accessible from', requires }),
  'topology-preferred': listFlag({ text: 'A topology that the Cluster Volume would be preferred in', requires }),
};

/** Those that make a volume one of the cluster, as with Docker. */
export const clusterVolumeMarks = ['group', 'scope', 'sharing', 'availability', 'type', 'limit-bytes', 'required-bytes'] as const;

interface ClusterVolumeChoice {
  readonly group: string;
  readonly scope: string;
  readonly sharing: string;
  readonly availability: string;
  readonly type: string;
  readonly secret: ReadonlyMap<string, string>;
  readonly 'limit-bytes': number;
  readonly 'required-bytes': number;
  readonly 'topology-required': readonly string[];
  readonly 'topology-preferred': readonly string[];
}

export function clusterVolumeSpecification(chosen: ClusterVolumeChoice): ClusterVolumeSpecification {
  const [limit, required] = [chosen['limit-bytes'], chosen['required-bytes']];
  const topologies = (texts: readonly string[]): VolumeTopology[] => texts.map((text) => ({ Segments: Object.fromEntries(text.split(',').map(cutSegment)) }));
  const [requisite, preferred] = [topologies(chosen['topology-required']), topologies(chosen['topology-preferred'])];
  return {
    ...(chosen.group !== '' && { Group: chosen.group }),
    AccessMode: {
      Scope: chosen.scope,
      Sharing: chosen.sharing,
      ...(chosen.type === 'mount' && { MountVolume: {} }),
      ...(chosen.type === 'block' && { BlockVolume: {} }),
    },
    AccessibilityRequirements: { ...(requisite.length > 0 && { Requisite: requisite }), ...(preferred.length > 0 && { Preferred: preferred }) },
    CapacityRange: { RequiredBytes: required, LimitBytes: limit },
    ...(chosen.secret.size > 0 && { Secrets: [...chosen.secret].map(([Key, Secret]) => ({ Key, Secret })).sort((left, right) => (left.Key < right.Key ? -1 : 1)) }),
    Availability: chosen.availability,
  };
}

function cutSegment(segment: string): [string, string] {
  const cut = segment.indexOf('=');
  return cut < 0 ? [segment, ''] : [segment.slice(0, cut), segment.slice(cut + 1)];
}
