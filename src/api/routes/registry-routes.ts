/** `/auth`, `/images/search` and `/distribution`: Engine API 1.51. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { LoginRequest } from '#schema/registry-views.ts';
import { decodeLoginRequest } from '../body/login-request.ts';
import { parseJson } from '../body/parse-json.ts';
import { jsonLimit, readAll } from '../body/read-body.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { Route } from '../route-table.ts';

export function registryRoutes(): readonly Route[] {
  return [
    { method: 'POST', path: '/auth', handler: logIn },
    { method: 'GET', path: '/images/search', handler: search },
    { method: 'GET', path: '/distribution/{name}/json', handler: describe },
  ];
}

/** The header with credentials; empty: none. */
export function authorizationOf({ request }: Exchange): string {
  return [request.headers['x-registry-auth'] ?? ''].flat()[0] ?? '';
}

async function logIn(exchange: Exchange, { engine }: Call): Promise<void> {
  exchange.reply.json(200, await engine.registries.logIn(await readLogin(exchange), exchange.signal));
}

/** Whatever its type is said to be; Docker takes what it cannot read here for a fault of its own. */
async function readLogin({ request }: Exchange): Promise<LoginRequest> {
  const text = (await readAll(request, jsonLimit)).toString('utf8');
  try {
    return decodeLoginRequest(parseJson(text));
  } catch (error) {
    if (!isFailure(error, 'api.invalid_json')) throw error;
    const reason = text.trim() === '' ? 'EOF' : String(error.details['reason']).replace('struct field AuthConfig.', 'struct field .');
    throw fail('registry.unreadable_login', { message: reason }, error);
  }
}

async function search(exchange: Exchange, { engine, query }: Call): Promise<void> {
  const limitText = query.text('limit');
  if (limitText !== '' && !/^[+-]?\d+$/.test(limitText)) {
    throw fail('api.invalid_parameter', { message: `invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(limitText)}: invalid syntax` });
  }
  const results = await engine.registries.search(query.text('term'), { limit: Number(limitText), filters: query.filters(), authorization: authorizationOf(exchange), signal: exchange.signal });
  exchange.reply.json(200, results);
}

async function describe(exchange: Exchange, { engine, name }: Call): Promise<void> {
  exchange.reply.json(200, await engine.registries.describe(name, { authorization: authorizationOf(exchange), signal: exchange.signal }));
}
