/** `/volumes`: Engine API 1.51. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { decodeVolumeRequest } from '../body/volume-request.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Query } from '../requests/query.ts';
import type { Route } from '../route-table.ts';

export function volumeRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/volumes', handler: list },
    { method: 'GET', path: '/volumes/{name}', handler: inspect },
    { method: 'POST', path: '/volumes/create', handler: create },
    { method: 'POST', path: '/volumes/prune', handler: prune },
    { method: 'PUT', path: '/volumes/{name}', handler: update },
    { method: 'DELETE', path: '/volumes/{name}', handler: remove },
  ];
}

async function list({ reply }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, { Volumes: await engine.volumes.list(listFilters(query)), Warnings: null });
}

function listFilters(query: Query): ReturnType<Query['filters']> {
  try {
    return query.filters();
  } catch (error) {
    if (!isFailure(error, 'api.invalid_filter')) throw error;
    throw fail('api.invalid_parameter', { message: `error reading volume filters: ${error.message}` }, error);
  }
}

async function inspect({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(200, await engine.volumes.inspect(name));
}

async function create(exchange: Exchange, { engine }: Call): Promise<void> {
  const request = decodeVolumeRequest(await exchange.json({ optional: true }));
  exchange.reply.json(201, await engine.volumes.create(request));
}

/** Until 1.42 named volumes were pruned without being asked for. */
async function prune({ reply, signal }: Exchange, { engine, query, version }: Call): Promise<void> {
  reply.json(200, await engine.volumes.prune(query.filters(), { named: !version.atLeast(42), signal }));
}

/** Only volumes of a cluster can be changed. */
function update(_exchange: Exchange, { version }: Call): void {
  throw version.atLeast(42) ? fail('volume.update_without_swarm') : fail('api.page_not_found');
}

async function remove({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  await engine.volumes.remove(name, { force: query.flag('force') });
  reply.empty(204);
}
