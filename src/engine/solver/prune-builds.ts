/** `POST /build/prune` and the build cache of `GET /system/df` (Engine API 1.51) over what the solver keeps. */
import { fail } from '#base/errors/failure.ts';
import type { BuildPruneReport, BuildPruneRequest } from '../contract.ts';
import type { BuildSolver, UsageView } from './contract.ts';
import { textOf } from './wire-timestamp.ts';

const fields = ['id', 'parent', 'type', 'description', 'inuse', 'shared', 'private'];

/** Filters of other names (`label`, which `system prune` sends along) choose nothing, as with Docker. @param unusedFor nanoseconds since the moment that a filter names. @throws build.prune_refused with Docker's texts */
export async function pruneBuilds(solver: BuildSolver, { all, filters, spaces }: BuildPruneRequest, unusedFor: (until: string) => bigint): Promise<BuildPruneReport> {
  const moments = [...(filters['until'] ?? []), ...(filters['unused-for'] ?? [])];
  if (moments.length > 1) throw fail('build.prune_refused', { message: 'filters expect only one value' });
  const terms = fields.flatMap((name): string[] => {
    const [value, ...more] = filters[name] ?? [];
    if (value === undefined) return [];
    if (more.length > 0) throw fail('build.prune_refused', { message: 'filters expect only one value' });
    return [name === 'id' ? `${name}~=${value}` : `${name}==${value}`];
  });
  const keepDuration = moments[0] === undefined ? 0 : Number(unusedFor(moments[0]));
  const gone: string[] = [];
  let reclaimed = 0;
  for await (const { id, size } of solver.prune({ all, filters: terms.length === 0 ? [] : [terms.join(',')], keepDuration, ...spaces })) {
    gone.push(id);
    reclaimed += size;
  }
  return { CachesDeleted: gone.length === 0 ? null : gone, SpaceReclaimed: reclaimed };
}

/** As `GET /system/df` has it; the blank before `Parents` is the API's. */
export function buildCacheView({ id, parents, recordType, description, inUse, shared, size, createdAt, lastUsedAt, usageCount }: UsageView): object {
  return {
    ID: id, ...(parents.length === 0 ? {} : { ' Parents': parents }), Type: recordType, Description: description, InUse: inUse, Shared: shared, Size: size,
    CreatedAt: textOf(createdAt), LastUsedAt: textOf(lastUsedAt), UsageCount: usageCount,
  };
}
