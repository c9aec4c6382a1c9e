/** `/networks`: Engine API 1.51. */
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { decodeNetworkConnectRequest, decodeNetworkCreateRequest, decodeNetworkDisconnectRequest } from '../body/network-request.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function networkRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/networks', handler: list },
    { method: 'GET', path: '/networks/', handler: list },
    { method: 'GET', path: '/networks/{name}', handler: inspect },
    { method: 'POST', path: '/networks/create', handler: create },
    { method: 'POST', path: '/networks/prune', handler: prune },
    { method: 'POST', path: '/networks/{name}/connect', handler: connect },
    { method: 'POST', path: '/networks/{name}/disconnect', handler: disconnect },
    { method: 'DELETE', path: '/networks/{name}', handler: remove },
  ];
}

async function list({ reply }: Exchange, { engine, query, version }: Call): Promise<void> {
  // Since 1.28 the list does not say who is on a network.
  reply.json(200, await engine.networks.list(query.filters(), { containers: !version.atLeast(28) }));
}

async function inspect({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const verbose = query.text('verbose');
  const usage = verbose === '' ? false : parseGoBoolean(verbose);
  if (usage === undefined) {
    throw fail('api.invalid_parameter', { message: `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${quoteText(verbose)}: invalid syntax` });
  }
  const network = await engine.networks.inspect(name, { usage });
  const scope = query.text('scope');
  if (scope !== '' && scope !== network.Scope) throw fail('network.not_found', { reference: name });
  reply.json(200, network);
}

async function create(exchange: Exchange, { engine }: Call): Promise<void> {
  const request = decodeNetworkCreateRequest(await exchange.json({ optional: true }));
  exchange.reply.json(201, await engine.networks.create(request));
}

async function connect(exchange: Exchange, { engine, name }: Call): Promise<void> {
  const request = decodeNetworkConnectRequest(await exchange.json({ optional: true }));
  await engine.networks.connect(name, request);
  exchange.reply.empty(200);
}

async function disconnect(exchange: Exchange, { engine, name }: Call): Promise<void> {
  const request = decodeNetworkDisconnectRequest(await exchange.json({ optional: true }));
  await engine.networks.disconnect(name, request);
  exchange.reply.empty(200);
}

async function prune({ reply, signal }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, await engine.networks.prune(query.filters(), signal));
}

async function remove({ reply }: Exchange, { engine, name }: Call): Promise<void> {
  await engine.networks.remove(name);
  reply.empty(204);
}
