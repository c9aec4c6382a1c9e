/** `/plugins`: Engine API 1.51. No plugin is ever installed here, so none is listed and none is found. */
import { fail } from '#base/errors/failure.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function pluginRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/plugins', handler: list },
    { method: 'GET', path: '/plugins/{name}/json', handler: refuseAbsent },
    { method: 'DELETE', path: '/plugins/{name}', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/{name}/enable', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/{name}/disable', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/{name}/push', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/{name}/set', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/{name}/upgrade', handler: refuseAbsent },
    { method: 'POST', path: '/plugins/pull', handler: refuseInstalling },
    { method: 'POST', path: '/plugins/create', handler: refuseInstalling },
    { method: 'GET', path: '/plugins/privileges', handler: refuseInstalling },
  ];
}

function list({ reply }: Exchange, { query }: Call): void {
  query.filters();
  reply.json(200, []);
}

function refuseAbsent(_exchange: Exchange, { name }: Call): void {
  throw fail('plugin.not_found', { name });
}

function refuseInstalling(): void {
  throw fail('plugin.unsupported');
}
