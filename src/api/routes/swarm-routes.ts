/** What belongs to a swarm: Engine API 1.51. This engine is never part of one, and says so as a Docker outside a swarm does. */
import { fail } from '#base/errors/failure.ts';
import type { Handler } from '../exchange.ts';
import type { Route } from '../route-table.ts';

const managers: readonly (readonly [method: Route['method'], path: string])[] = [
  ['GET', '/swarm'], ['GET', '/swarm/unlockkey'], ['POST', '/swarm/unlock'], ['POST', '/swarm/update'],
  ['GET', '/nodes'], ['GET', '/nodes/{name}'], ['DELETE', '/nodes/{name}'], ['POST', '/nodes/{name}/update'],
  ['GET', '/services'], ['POST', '/services/create'], ['GET', '/services/{name}'], ['DELETE', '/services/{name}'],
  ['POST', '/services/{name}/update'], ['GET', '/services/{name}/logs'],
  ['GET', '/tasks'], ['GET', '/tasks/{name}'], ['GET', '/tasks/{name}/logs'],
  ['GET', '/secrets'], ['POST', '/secrets/create'], ['GET', '/secrets/{name}'], ['DELETE', '/secrets/{name}'], ['POST', '/secrets/{name}/update'],
  ['GET', '/configs'], ['POST', '/configs/create'], ['GET', '/configs/{name}'], ['DELETE', '/configs/{name}'], ['POST', '/configs/{name}/update'],
];

export function swarmRoutes(): readonly Route[] {
  return [
    ...managers.map(([method, path]): Route => ({ method, path, handler: refuse('swarm.not_a_manager') })),
    { method: 'POST', path: '/swarm/leave', handler: refuse('swarm.not_part') },
    { method: 'POST', path: '/swarm/init', handler: refuse('swarm.unsupported') },
    { method: 'POST', path: '/swarm/join', handler: refuse('swarm.unsupported') },
  ];
}

function refuse(code: 'swarm.not_a_manager' | 'swarm.not_part' | 'swarm.unsupported'): Handler {
  return () => {
    throw fail(code);
  };
}
