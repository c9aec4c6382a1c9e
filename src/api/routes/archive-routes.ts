/** `/containers/{id}/changes`, `/archive` and `/export`: the files of containers. Engine API 1.51. */
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function archiveRoutes(): readonly Route[] {
  return [{ method: 'GET', path: '/containers/{name}/changes', handler: changes }];
}

async function changes({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  const found = await engine.archives.changes(name);
  reply.json(200, found.length === 0 ? null : found);
}
