/** `/volumes`: Engine API 1.51. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { decodeVolumeClone, decodeVolumeRequest } from '../body/volume-request.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Query } from '../requests/query.ts';
import type { Route } from '../route-table.ts';

export function volumeRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/volumes', handler: list },
    { method: 'GET', path: '/volumes/{name}/export', handler: exportArchive },
    { method: 'GET', path: '/volumes/{name}/diff', handler: diff },
    { method: 'GET', path: '/volumes/{name}', handler: inspect },
    { method: 'POST', path: '/volumes/create', handler: create },
    { method: 'POST', path: '/volumes/prune', handler: prune },
    { method: 'POST', path: '/volumes/{name}/clone', handler: clone },
    { method: 'POST', path: '/volumes/{name}/import', handler: importArchive },
    { method: 'PUT', path: '/volumes/{name}', handler: update },
    { method: 'DELETE', path: '/volumes/{name}', handler: remove },
  ];
}

async function list({ reply }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, await engine.volumes.list(listFilters(query)));
}

function listFilters(query: Query): ReturnType<Query['filters']> {
  try {
    return query.filters();
  } catch (error) {
    if (!isFailure(error, 'api.invalid_filter')) throw error;
    throw fail('api.invalid_parameter', { message: `error reading volume filters: ${error.message}` }, error);
  }
}

async function inspect({ reply, signal }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(200, await engine.volumes.inspect(name, signal));
}

async function create(exchange: Exchange, { engine, version }: Call): Promise<void> {
  const request = decodeVolumeRequest(await exchange.json({ optional: true }), { clusters: version.atLeast(42) });
  exchange.reply.json(201, await engine.volumes.create(request, exchange.signal));
}

/** Until 1.42 named volumes were pruned without being asked for. */
async function prune({ reply, signal }: Exchange, { engine, query, version }: Call): Promise<void> {
  reply.json(200, await engine.volumes.prune(query.filters(), { named: !version.atLeast(42), signal }));
}

/** Only volumes of a cluster can be changed. */
function update(): void {
  throw fail('volume.update_without_swarm');
}

async function remove({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  await engine.volumes.remove(name, { force: query.flag('force') });
  reply.empty(204);
}

async function clone(exchange: Exchange, { engine, name }: Call): Promise<void> {
  const request = decodeVolumeClone(await exchange.json({ optional: false }));
  exchange.reply.json(201, await engine.volumes.clone(name, request, exchange.signal));
}

async function exportArchive({ reply, signal }: Exchange, { engine, name }: Call): Promise<void> {
  const archive = await engine.volumes.export(name, signal);
  reply.begin(200, 'application/x-tar');
  for await (const chunk of archive) await reply.write(chunk, signal);
  reply.end();
}

async function importArchive({ request, reply, signal }: Exchange, { engine, name }: Call): Promise<void> {
  reply.json(201, await engine.volumes.import(name, request, signal));
}

async function diff({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const base = query.text('base');
  if (base === '') throw fail('api.invalid_parameter', { message: 'base is required: the volume to compare with' });
  reply.json(200, await engine.volumes.diff(name, base));
}
