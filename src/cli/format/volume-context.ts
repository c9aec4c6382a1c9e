/** The rows of lists of volumes. */
import { humanSize } from '#base/human-size.ts';
import type { ClusterVolumeView } from '#schema/volume-views.ts';
import { contextType } from './context-type.ts';
import type { ListFormat } from './render-list.ts';

/** A volume as lists and the disk usage tell it. */
export interface VolumeUsage {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly ClusterVolume?: ClusterVolumeView | undefined;
  readonly UsageData?: { readonly RefCount: number; readonly Size: number };
}

export const volumeHeaders = {
  ID: 'ID', Name: 'VOLUME NAME', Group: 'GROUP', Driver: 'DRIVER', Scope: 'SCOPE', Availability: 'AVAILABILITY', Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS', Links: 'LINKS', Size: 'SIZE', Status: 'STATUS',
};

/** Of volumes of the cluster. */
export const clusterTable = 'table {{.Name}}\\t{{.Group}}\\t{{.Driver}}\\t{{.Availability}}\\t{{.Status}}';

/** What `--format` or the configuration chose. */
export function volumeFormat(source: string, quiet: boolean): ListFormat {
  const choose = (): string => {
    if (source === 'raw') return quiet ? 'name: {{.Name}}' : 'name: {{.Name}}\\ndriver: {{.Driver}}\\n';
    if (source !== 'table') return source;
    return quiet ? '{{.Name}}' : 'table {{.Driver}}\\t{{.Name}}';
  };
  return { format: choose(), headers: volumeHeaders };
}

/** Only volumes of a cluster belong to a group. */
const notInCluster = 'N/A';

export const volumeContext = contextType<VolumeUsage>('formatter.volumeContext', {
  Name: (volume) => volume.Name,
  Driver: (volume) => volume.Driver,
  Scope: (volume) => volume.Scope,
  Mountpoint: (volume) => volume.Mountpoint,
  Labels: (volume) => Object.entries(volume.Labels ?? {}).map(([name, value]) => `${name}=${value}`).join(','),
  Links: ({ UsageData: usage }) => (usage === undefined ? 'N/A' : String(usage.RefCount)),
  Size: ({ UsageData: usage }) => (usage === undefined ? 'N/A' : humanSize(usage.Size)),
  Group: ({ ClusterVolume: volume }) => (volume === undefined ? notInCluster : volume.Spec.Group ?? ''),
  Availability: ({ ClusterVolume: volume }) => (volume === undefined ? notInCluster : volume.Spec.Availability ?? ''),
  Status: ({ ClusterVolume: volume }) => (volume === undefined ? notInCluster : statusOf(volume)),
}, {
  Label: (volume, name) => volume.Labels?.[name] ?? '',
});

/** How far the cluster is with it. */
function statusOf({ Info: info, PublishStatus: places }: ClusterVolumeView): string {
  if ((info?.VolumeID ?? '') === '') return 'pending creation';
  const count = places?.length ?? 0;
  return count === 0 ? 'created' : `in use (${count} node${count === 1 ? '' : 's'})`;
}
