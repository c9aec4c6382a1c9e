import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { EngineError } from '#base/errors/failure.ts';
import { beginUpload } from '#registry/blob-upload.ts';
import { anonymous, type Credentials } from '#registry/credentials.ts';
import { logIn } from '#registry/log-in.ts';
import { Repository } from '#registry/repository.ts';
import { searchRepositories } from '#registry/search-repositories.ts';
import { serve, type SeenRequest, type TestServer } from './registry-servers.ts';

const never = new AbortController().signal;
const digest = `sha256:${'a'.repeat(64)}`;
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
const user = (password: string, name = 'user'): Credentials => ({ ...anonymous, username: name, password });

function json(response: ServerResponse, status: number, document: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(document));
}

interface TokenRegistry {
  readonly server: TestServer;
  /** Tokens that are good now. */
  readonly good: Set<string>;
  /** What the token server says besides the token. */
  extra: object;
  /** Answers what is neither a token nor refused. */
  serve: (request: SeenRequest, response: ServerResponse) => void;
}

/** A registry that wants bearer tokens of a token server, which is itself. */
async function tokenRegistry(t: TestContext): Promise<TokenRegistry> {
  let count = 0;
  const registry: { -readonly [K in keyof TokenRegistry]: TokenRegistry[K] } = {
    server: { host: '', requests: [] },
    good: new Set<string>(),
    extra: {},
    serve: (_request, response) => json(response, 200, {}),
  };
  registry.server = await serve(t, (request, response) => {
    if (request.url.startsWith('/token')) {
      const known = request.method === 'POST' ? new URLSearchParams(request.body).get('refresh_token') === 'refresh' : request.authorization === undefined || request.authorization === basic('user:secret');
      if (!known) return json(response, 401, { details: 'incorrect username or password' });
      const token = `t${++count}`;
      registry.good.add(token);
      return json(response, 200, { token, ...registry.extra });
    }
    if (registry.good.has(request.authorization?.replace('Bearer ', '') ?? '')) return registry.serve(request, response);
    return json(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }, { 'WWW-Authenticate': `Bearer realm="http://${registry.server.host}/token?x=1",service="the service"` });
  });
  return registry;
}

async function open(t: TestContext, server: TestServer, options: { credentials?: Credentials; actions?: ('push' | 'pull')[] } = {}): Promise<Repository> {
  const repository = await Repository.open({ endpoint: { base: new URL(`http://${server.host}`), mirror: false, trust: { insecure: true } }, path: 'me/app', credentials: anonymous, userAgent: 'test', ...options }, never);
  t.after(() => repository[Symbol.dispose]());
  return repository;
}

const tokenRequests = ({ requests }: TestServer): SeenRequest[] => requests.filter(({ url }) => url.startsWith('/token'));

test('a token must be asked for once with service, scope and account, and used until it expires', async (t) => {
  const registry = await tokenRegistry(t);
  const repository = await open(t, registry.server, { credentials: user('secret'), actions: ['push', 'pull'] });
  for (let attempt = 0; attempt < 3; attempt++) await repository.blobSize(digest, never);
  const [asked, ...others] = tokenRequests(registry.server);
  assert.deepEqual(others, []);
  assert.equal(asked?.authorization, basic('user:secret'));
  const query = new URL(asked?.url ?? '', 'http://x').searchParams;
  assert.deepEqual([query.get('x'), query.get('service'), query.get('scope'), query.get('account'), query.get('offline_token')], ['1', 'the service', 'repository:me/app:push,pull', 'user', null]);
});

test('a token that the registry does not take any more must be replaced without the caller noticing', async (t) => {
  const registry = await tokenRegistry(t);
  const repository = await open(t, registry.server);
  await repository.blobSize(digest, never);
  registry.good.clear();
  assert.notEqual(await repository.blobSize(digest, never), undefined);
  assert.equal(tokenRequests(registry.server).length, 2);
});

test('a token that never is good enough must end in one refusal', async (t) => {
  const registry = await tokenRegistry(t);
  registry.good.add = function add() {
    return this;
  };
  const repository = await open(t, registry.server);
  await assert.rejects(repository.manifest('latest', never), { message: 'unauthorized' });
  assert.equal(tokenRequests(registry.server).length, 2);
});

test('a mount must be asked for with both repositories as scopes of one token', async (t) => {
  const registry = await tokenRegistry(t);
  registry.serve = (_request, response) => void response.writeHead(201).end();
  const repository = await open(t, registry.server, { actions: ['push', 'pull'] });
  assert.equal(await beginUpload(repository, { mount: { digest, repository: 'you/base' }, signal: never }), undefined);
  assert.deepEqual(new URL(tokenRequests(registry.server)[0]?.url ?? '', 'http://x').searchParams.getAll('scope'), ['repository:me/app:push,pull', 'repository:you/base:pull']);
});

test('an identity token must be exchanged for tokens, and a registry token be sent as it is', async (t) => {
  const registry = await tokenRegistry(t);
  const repository = await open(t, registry.server, { credentials: { ...anonymous, identityToken: 'refresh' } });
  await repository.blobSize(digest, never);
  const [asked] = tokenRequests(registry.server);
  assert.equal(asked?.method, 'POST');
  assert.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), { scope: 'repository:me/app:pull', service: 'the service', client_id: 'docker', grant_type: 'refresh_token', refresh_token: 'refresh' });
  registry.good.add('given');
  const direct = await open(t, registry.server, { credentials: { ...anonymous, registryToken: 'given' } });
  await direct.blobSize(digest, never);
  assert.equal(registry.server.requests.at(-1)?.authorization, 'Bearer given');
});

test('log-in must say what became of it in Docker’s words, and give the token to log in with later', async (t) => {
  const registry = await tokenRegistry(t);
  const enter = async (credentials: Credentials): Promise<string> => await logIn({ serverAddress: registry.server.host, credentials, configuration: {}, userAgent: 'test', signal: never });
  assert.equal(await enter(user('secret')), '');
  assert.equal(new URL(tokenRequests(registry.server)[0]?.url ?? '', 'http://x').searchParams.get('offline_token'), 'true');
  registry.extra = { refresh_token: 'refresh' };
  assert.equal(await enter(user('secret')), 'refresh');
  const refused = await enter(user('wrong')).catch((error: unknown) => error);
  assert.ok(refused instanceof EngineError);
  assert.deepEqual([refused.code, refused.message], ['registry.login_refused', `Get "http://${registry.server.host}/v2/": unauthorized: incorrect username or password`]);
  assert.equal(await enter({ ...anonymous, identityToken: 'refresh' }), 'refresh');
  const locked = await serve(t, (request, response) => (request.authorization === basic('user:secret') ? json(response, 200, {}) : json(response, 401, {}, { 'WWW-Authenticate': 'Basic realm="x"' })));
  const enterBasic = async (credentials: Credentials): Promise<string> => await logIn({ serverAddress: `http://${locked.host}/v1/`, credentials, configuration: {}, userAgent: 'test', signal: never });
  assert.equal(await enterBasic(user('secret')), '');
  await assert.rejects(enterBasic(user('wrong')), { message: `login attempt to http://${locked.host}/v2/ failed with status: 401 Unauthorized` });
  await assert.rejects(enterBasic(anonymous), { message: `Get "http://${locked.host}/v2/": no basic auth credentials` });
});

test('what opens a registry must not be told to another host it points to', async (t) => {
  const registry = await tokenRegistry(t);
  const other = await serve(t, (_request, response) => void response.writeHead(202, { Location: '/elsewhere' }).end('blob'));
  registry.serve = (request, response) => void response.writeHead(request.method === 'POST' ? 202 : 307, { Location: `http://${other.host}/elsewhere` }).end();
  const repository = await open(t, registry.server, { credentials: user('secret'), actions: ['push', 'pull'] });
  await repository.blobSize(digest, never).catch(() => undefined);
  const upload = await beginUpload(repository, { signal: never });
  await upload?.append({ bytes: bytesOf('abc') }, 0, never);
  await upload?.finish(digest, never);
  assert.deepEqual(other.requests.map(({ method, authorization }) => [method, authorization]), [['HEAD', undefined], ['PATCH', undefined], ['PUT', undefined]]);
});

test('answers that are too large, too long in their head, or lead in circles must be refused', async (t) => {
  const registry = await tokenRegistry(t);
  registry.extra = { padding: 'x'.repeat(2 * 1024 * 1024) };
  const repository = await open(t, registry.server);
  await assert.rejects(repository.blobSize(digest, never), { code: 'registry.answer_too_large' });
  const bomb = await serve(t, (_request, response) => void response.writeHead(200, Object.fromEntries(Array.from({ length: 100 }, (_unused, index) => [`X-Header-${index}`, 'x'.repeat(2000)]))).end());
  await assert.rejects(open(t, bomb), { code: 'registry.unreachable', message: /net\/http: server response headers exceeded 65536 bytes; aborted$/ });
  const circle = await serve(t, (_request, response) => void response.writeHead(302, { Location: '/v2/' }).end());
  await assert.rejects(open(t, circle), { message: /stopped after 10 redirects$/ });
  const strange = await serve(t, (_request, response) => void response.writeHead(302, { Location: 'file:///etc/passwd' }).end());
  await assert.rejects(open(t, strange), { message: /unsupported protocol scheme "file"$/ });
});

test('an index must be searched with the password only where it is safe, and in Docker’s limits', async (t) => {
  const index = await serve(t, (request, response) => {
    if (request.url === '/v1/_ping') return json(response, 200, {});
    return json(response, 200, { results: [{ name: 'a', description: 'd', star_count: 2, is_official: true, is_automated: true }, 'junk'] });
  });
  const search = async (term: string, limit = 0): Promise<unknown> => await searchRepositories({ term, limit, credentials: user('secret'), configuration: {}, userAgent: 'test', signal: never });
  assert.deepEqual(await search(`${index.host}/x y`), [{ star_count: 2, is_official: true, name: 'a', is_automated: false, description: 'd' }]);
  assert.deepEqual(index.requests.map(({ url, authorization }) => [url, authorization]), [['/v1/_ping', undefined], ['/v1/search?q=x+y&n=25', undefined]]);
  await assert.rejects(search(`${index.host}/x`, 101), { message: 'limit 101 is outside the range of [1, 100]' });
  await assert.rejects(search('https://x/y'), { message: 'invalid repository name: repository name (https://x/y) should not have a scheme' });
});

test('an index that asks for a token must be given one', async (t) => {
  const registry = await tokenRegistry(t);
  registry.serve = (_request, response) => json(response, 200, { results: [{ name: 'mine' }] });
  const search = async (credentials: Credentials): Promise<string[]> =>
    (await searchRepositories({ term: `${registry.server.host}/x`, limit: 0, credentials, configuration: {}, userAgent: 'test', signal: never })).map(({ name }) => name);
  assert.deepEqual(await search(user('secret')), ['mine']);
  assert.equal(new URL(tokenRequests(registry.server)[0]?.url ?? '', 'http://x').searchParams.get('scope'), 'registry:catalog:search');
  await assert.rejects(search(user('wrong')), { message: 'Unexpected status code 401' });
});

async function* bytesOf(text: string): AsyncGenerator<Buffer, void> {
  yield Buffer.from(text);
}
