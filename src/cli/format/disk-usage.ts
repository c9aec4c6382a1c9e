/** What `GET /system/df` tells, and the rows of `system df`: one for each kind of thing. */
import type { ContainerSummary } from '#schema/container-config.ts';
import type { ImageSummary } from '#schema/image-views.ts';
import { humanSize } from '#base/human-size.ts';
import { contextType } from './context-type.ts';
import type { BuildCacheRecord } from './build-cache-context.ts';
import type { VolumeUsage } from './volume-context.ts';

export interface DiskUsage {
  readonly LayersSize?: number;
  readonly Images: readonly ImageSummary[] | null;
  readonly Containers: readonly ContainerSummary[] | null;
  readonly Volumes: readonly VolumeUsage[] | null;
  readonly BuildCache: readonly BuildCacheRecord[] | null;
}

export interface UsageRow {
  readonly kind: string;
  readonly count: number;
  readonly active: number;
  /** In bytes. */
  readonly size: number;
  readonly reclaimable: number;
  readonly showsShare: boolean;
}

export const usageHeaders = { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' };

export const usageContext = contextType<UsageRow>('formatter.diskUsageImagesContext', {
  Type: ({ kind }) => kind,
  TotalCount: ({ count }) => String(count),
  Active: ({ active }) => String(active),
  Size: ({ size }) => humanSize(size),
  Reclaimable: ({ reclaimable, size, showsShare }) => {
    const share = showsShare && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : '';
    return `${humanSize(reclaimable)}${share}`;
  },
});

export function usageRows(usage: DiskUsage): UsageRow[] {
  return [imagesRow(usage), containersRow(usage.Containers ?? []), volumesRow(usage.Volumes ?? []), buildCacheRow(usage.BuildCache ?? [])];
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

function imagesRow({ Images: listed, LayersSize: size = 0 }: DiskUsage): UsageRow {
  const images = listed ?? [];
  const used = sum(images, (image) => (image.Containers === 0 || image.Size === -1 || image.SharedSize === -1 ? 0 : image.Size - image.SharedSize));
  return {
    kind: 'Images', count: images.length, active: images.filter((image) => image.Containers > 0).length, size, reclaimable: size - used, showsShare: true,
  };
}

function containersRow(containers: readonly ContainerSummary[]): UsageRow {
  const isActive = ({ State: state }: ContainerSummary): boolean => state === 'running' || state === 'paused' || state === 'restarting';
  const sizeOf = ({ SizeRw: size = 0 }: ContainerSummary): number => size;
  return {
    kind: 'Containers',
    count: containers.length,
    active: containers.filter(isActive).length,
    size: sum(containers, sizeOf),
    reclaimable: sum(containers.filter((container) => !isActive(container)), sizeOf),
    showsShare: true,
  };
}

function volumesRow(volumes: readonly VolumeUsage[]): UsageRow {
  // -1: the size is not known.
  const measured = volumes.filter((volume) => volume.UsageData !== undefined && volume.UsageData.Size !== -1);
  const sizeOf = ({ UsageData: usage }: VolumeUsage): number => usage?.Size ?? 0;
  return {
    kind: 'Local Volumes',
    count: volumes.length,
    active: volumes.filter((volume) => (volume.UsageData?.RefCount ?? 0) > 0).length,
    size: sum(measured, sizeOf),
    reclaimable: sum(measured.filter((volume) => volume.UsageData?.RefCount === 0), sizeOf),
    showsShare: true,
  };
}

/** What several records share is counted with none of them. */
export function buildCacheSize(records: readonly BuildCacheRecord[]): number {
  return sum(records.filter((record) => !record.Shared), (record) => record.Size);
}

function buildCacheRow(records: readonly BuildCacheRecord[]): UsageRow {
  const size = buildCacheSize(records);
  const inUse = sum(records.filter((record) => record.InUse && !record.Shared), (record) => record.Size);
  return {
    kind: 'Build Cache', count: records.length, active: records.filter((record) => record.InUse).length, size, reclaimable: size - inUse, showsShare: false,
  };
}
