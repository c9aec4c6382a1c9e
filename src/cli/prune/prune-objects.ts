/** Removes what nothing uses, of each kind, and says what was removed. */
import { ApiError } from '#client/client-error.ts';
import type { Client } from '#client/client.ts';
import { filtersText } from '#client/query.ts';
import type { Filters } from './prune-filters.ts';

export interface PruneResult {
  /** In bytes. */
  readonly reclaimed: number;
  /** What was removed, with a heading and a newline at its end; empty: nothing was. */
  readonly text: string;
}

const nothing: PruneResult = { reclaimed: 0, text: '' };

function result(heading: string, lines: readonly string[], reclaimed: number): PruneResult {
  if (lines.length === 0) return nothing;
  return { reclaimed, text: [heading, ...lines, ''].join('\n') };
}

export async function pruneContainers(client: Client, filters: Filters, signal: AbortSignal): Promise<PruneResult> {
  const { ContainersDeleted: ids, SpaceReclaimed: reclaimed } = await client.containers.prune(filters, signal);
  return result('Deleted Containers:', ids ?? [], reclaimed);
}

/** With `all`, images that have names but no container go too. */
export async function pruneImages(client: Client, filters: Filters, { all, signal }: { all: boolean; signal: AbortSignal }): Promise<PruneResult> {
  const dangling = { ...filters, dangling: [...filters['dangling'] ?? [], String(!all)] };
  const { ImagesDeleted: images, SpaceReclaimed: reclaimed } = await client.images.prune(dangling, signal);
  const lines = (images ?? []).map((image) => ('Untagged' in image && image.Untagged !== '' ? `untagged: ${image.Untagged}` : `deleted: ${'Deleted' in image ? image.Deleted : ''}`));
  return result('Deleted Images:', lines, reclaimed);
}

export async function pruneNetworks(client: Client, filters: Filters, signal: AbortSignal): Promise<PruneResult> {
  const report = await unlessAbsent(client.transport.json<{ NetworksDeleted: readonly string[] | null }>({
    method: 'POST', path: '/networks/prune', query: { filters: filtersText(filters) }, signal,
  }));
  return result('Deleted Networks:', report?.NetworksDeleted ?? [], 0);
}

export async function pruneVolumes(client: Client, filters: Filters, signal: AbortSignal): Promise<PruneResult> {
  const report = await unlessAbsent(client.transport.json<{ VolumesDeleted: readonly string[] | null; SpaceReclaimed: number }>({
    method: 'POST', path: '/volumes/prune', query: { filters: filtersText(filters) }, signal,
  }));
  return result('Deleted Volumes:', report?.VolumesDeleted ?? [], report?.SpaceReclaimed ?? 0);
}

/** Keeps `kept` bytes of the cache. */
export async function pruneBuildCache(client: Client, filters: Filters, { all, spaces = {}, signal }: { all: boolean; spaces?: Readonly<Record<string, number>>; signal: AbortSignal }): Promise<PruneResult> {
  const report = await unlessAbsent(client.transport.json<{ CachesDeleted: readonly string[] | null; SpaceReclaimed: number }>({
    method: 'POST', path: '/build/prune', query: { all: all || undefined, ...Object.fromEntries(Object.entries(spaces).flatMap(([name, bytes]) => (bytes === 0 ? [] : [[name, String(bytes)]]))), filters: filtersText(filters) ?? '{}' }, signal,
  }));
  const { text } = result('Deleted build cache objects:', report?.CachesDeleted ?? [], 0);
  return { reclaimed: report?.SpaceReclaimed ?? 0, text };
}

/** A daemon without the endpoint has nothing of that kind to remove. */
async function unlessAbsent<T>(report: Promise<T>): Promise<T | undefined> {
  try {
    return await report;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && error.message === 'page not found') return undefined;
    throw error;
  }
}
