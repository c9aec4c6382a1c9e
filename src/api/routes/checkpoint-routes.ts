/** Checkpoints of containers: Engine API 1.51, an experimental feature of Docker's. This engine writes no processes to disk: there are none. */
import { fail } from '#base/errors/failure.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function checkpointRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/containers/{name}/checkpoints', handler: list },
    { method: 'POST', path: '/containers/{name}/checkpoints', handler: create },
    { method: 'DELETE', path: '/containers/{name}/checkpoints/{part}', handler: remove },
  ];
}

async function list({ reply }: Exchange, call: Call): Promise<void> {
  await checkContainer(call);
  reply.json(200, []);
}

async function create(_exchange: Exchange, call: Call): Promise<void> {
  await checkContainer(call);
  throw fail('container.checkpoint_unsupported', { name: call.name });
}

async function remove({ request }: Exchange, call: Call): Promise<void> {
  await checkContainer(call);
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  throw fail('container.checkpoint_missing', { checkpoint: decodeURIComponent(path.slice(path.lastIndexOf('/') + 1)), name: call.name });
}

async function checkContainer({ engine, name }: Call): Promise<void> {
  if (!engine.system.offers.experimental) throw fail('api.experimental_only');
  await engine.containers.inspect(name, { size: false });
}
