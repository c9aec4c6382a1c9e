/** The rows of lists of volumes. */
import { humanSize } from '#base/human-size.ts';
import { contextType } from './context-type.ts';
import type { ListFormat } from './render-list.ts';

/** A volume as lists and the disk usage tell it. */
export interface VolumeUsage {
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Mountpoint: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly UsageData?: { readonly RefCount: number; readonly Size: number };
}

export const volumeHeaders = {
  ID: 'ID', Name: 'VOLUME NAME', Group: 'GROUP', Driver: 'DRIVER', Scope: 'SCOPE', Availability: 'AVAILABILITY', Mountpoint: 'MOUNTPOINT',
  Labels: 'LABELS', Links: 'LINKS', Size: 'SIZE', Status: 'STATUS',
};

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
  Group: () => notInCluster,
  Availability: () => notInCluster,
  Status: () => notInCluster,
}, {
  Label: (volume, name) => volume.Labels?.[name] ?? '',
});
