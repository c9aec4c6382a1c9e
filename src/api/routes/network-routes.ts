/** `/networks`: Engine API 1.51. */
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function networkRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/networks', handler: list },
    { method: 'GET', path: '/networks/', handler: list },
    { method: 'GET', path: '/networks/{name}', handler: inspect },
  ];
}

async function list({ reply }: Exchange, { engine, query, version }: Call): Promise<void> {
  const networks = await engine.networks.list(query.filters());
  // Since 1.28 the list does not say who is on a network.
  reply.json(200, version.atLeast(28) ? networks.map((network) => ({ ...network, Containers: {} })) : networks);
}

async function inspect({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const verbose = query.text('verbose');
  if (verbose !== '' && parseGoBoolean(verbose) === undefined) {
    throw fail('api.invalid_parameter', { message: `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${quoteText(verbose)}: invalid syntax` });
  }
  const network = await engine.networks.inspect(name);
  const scope = query.text('scope');
  if (scope !== '' && scope !== network.Scope) throw fail('network.not_found', { reference: name });
  reply.json(200, network);
}
