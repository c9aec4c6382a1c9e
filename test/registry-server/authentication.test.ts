/** Who may do what: passwords, tokens of our own and of others, rules, certificates. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as requestSecure } from 'node:https';
import { join } from 'node:path';
import test from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import { hashSync } from 'bcryptjs';
import { eventually } from '#test/fixtures/eventually.ts';
import { TestRegistry } from './test-registry.ts';

/** A directory with an htpasswd file of these users. */
class Users implements Disposable {
  readonly directory = mkdtempSync('/tmp/dhow-registry-users-');
  readonly path = join(this.directory, 'htpasswd');

  constructor(users: Readonly<Record<string, string>>) {
    this.write(users);
  }

  write(users: Readonly<Record<string, string>>): void {
    writeFileSync(this.path, Object.entries(users).map(([name, password]) => `${name}:${hashSync(password, 4).replace('$2b$', '$2y$')}\n`).join(''));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

const basic = (name: string, password: string): { headers: Record<string, string> } => ({ headers: { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` } });
const bearer = (token: string): { headers: Record<string, string> } => ({ headers: { Authorization: `Bearer ${token}` } });

test('Basic authentication must let in the users of the htpasswd file, also after it has changed', async () => {
  using users = new Users({ alice: 'secret:with:colons' });
  await using registry = await TestRegistry.start({ auth: { htpasswd: users.path } });
  const refused = await registry.refusal('/v2/');
  assert.deepEqual([refused.status, refused.code], [401, 'UNAUTHORIZED']);
  assert.equal(refused.headers.get('www-authenticate'), 'Basic realm="dhow registry"');
  const status = async (name: string, password: string): Promise<number> => await registry.status('/v2/', 'GET', basic(name, password));
  assert.equal(await status('alice', 'secret:with:colons'), 200);
  for (const [name, password] of [['alice', 'wrong'], ['alice', ''], ['', 'secret:with:colons'], ['bob', 'secret:with:colons'], ['alice', 'x'.repeat(1000)]] as const) assert.equal(await status(name, password), 401);
  for (const header of ['Basic', 'Basic !!!', 'Basic YWxpY2U=', 'Bearer x', 'Digest x']) assert.equal(await registry.status('/v2/', 'GET', { headers: { Authorization: header } }), 401, header);
  await registry.pushImage('a/b', 'v1', { init: basic('alice', 'secret:with:colons') });
  assert.equal(await registry.status('/v2/a/b/manifests/v1'), 401);
  assert.equal(await registry.status('/metrics', 'GET'), 401);
  assert.equal(await registry.status('/healthz', 'GET'), 200);
  users.write({ alice: 'changed', bob: 'new' });
  assert.equal(await status('alice', 'secret:with:colons'), 401);
  assert.equal(await status('alice', 'changed'), 200);
  assert.equal(await status('bob', 'new'), 200);
});

test('rules must grant what they say, and lists show what may be pulled', async () => {
  using users = new Users({ alice: 'a', bob: 'b' });
  const access = [
    { users: ['alice'], repositories: ['**'], actions: ['pull', 'push', 'delete'] },
    { users: ['*'], repositories: ['public/*'], actions: ['pull'] },
    { users: ['bob'], repositories: ['bob/**'], actions: ['pull', 'push'] },
  ];
  await using registry = await TestRegistry.start({ auth: { htpasswd: users.path }, access });
  const [alice, bob] = [basic('alice', 'a'), basic('bob', 'b')];
  for (const name of ['public/x', 'public/x/deep', 'private/y']) await registry.pushImage(name, 'v1', { init: alice });
  await registry.pushImage('bob/a/b', 'v1', { init: bob });
  assert.equal(await registry.status('/v2/public/x/manifests/v1', 'GET', bob), 200);
  for (const name of ['public/x/deep', 'private/y']) {
    const refusal = await registry.refusal(`/v2/${name}/manifests/v1`, bob);
    assert.deepEqual([refusal.status, refusal.code], [403, 'DENIED']);
  }
  assert.equal((await registry.refusal('/v2/public/x/blobs/uploads/', { method: 'POST', ...bob })).status, 403);
  assert.equal((await registry.refusal('/v2/bob/a/b/manifests/v1', { method: 'DELETE', ...bob })).status, 403);
  const { layer } = await registry.pushImage('private/z', 'v1', { init: alice });
  // What he may not pull he may not mount either.
  for (const query of [`mount=${layer.digest}&from=private/z`, `mount=${layer.digest}`]) assert.equal(await registry.status(`/v2/bob/c/blobs/uploads/?${query}`, 'POST', bob), 202);
  assert.deepEqual(await (await registry.request('/v2/_catalog', bob)).json(), { repositories: ['bob/a/b', 'public/x'] });
  const found = (await (await registry.request('/v1/search?q=x', bob)).json()) as { results: { name: string }[] };
  assert.deepEqual(found.results.map(({ name }) => name), ['public/x']);
});

test('own tokens must be got with the password, grant what was asked and allowed, and outlive a restart', async () => {
  using users = new Users({ alice: 'a' });
  const access = [{ users: ['alice'], repositories: ['team/**'], actions: ['pull', 'push'] }, { users: ['anonymous'], repositories: ['open/*'], actions: ['pull'] }];
  await using registry = await TestRegistry.start({ auth: { htpasswd: users.path, tokens: true, service: 'srv' }, access });
  const challenge = (await registry.refusal('/v2/team/x/manifests/v1', { method: 'PUT' })).headers.get('www-authenticate');
  assert.equal(challenge, `Bearer realm="${registry.url}/auth/token",service="srv",scope="repository:team/x:pull,push"`);
  const ask = async (scope: string, init: RequestInit = {}): Promise<string> => {
    const response = await registry.request(`/auth/token?service=srv&scope=${encodeURIComponent(scope)}`, init);
    assert.equal(response.status, 200);
    const document = (await response.json()) as { token: string; access_token: string; expires_in: number };
    assert.equal(document.token, document.access_token);
    assert.equal(document.expires_in, 300);
    return document.token;
  };
  const token = await ask('repository:team/x:pull,push,delete', basic('alice', 'a'));
  await registry.pushImage('team/x', 'v1', { init: bearer(token) });
  const denied = await registry.refusal('/v2/team/x/manifests/v1', { method: 'DELETE', ...bearer(token) });
  assert.deepEqual([denied.status, /error="insufficient_scope"/.test(denied.headers.get('www-authenticate') ?? '')], [401, true]);
  assert.equal((await registry.refusal('/v2/team/y/manifests/v1', bearer(token))).status, 401);
  assert.equal((await registry.refusal('/auth/token?service=srv', basic('alice', 'wrong'))).status, 401);
  const nobody = await ask('repository:team/x:pull');
  assert.equal(await registry.status('/v2/', 'GET', bearer(nobody)), 200);
  assert.equal(await registry.status('/v2/team/x/manifests/v1', 'GET', bearer(nobody)), 401);
  assert.equal(await registry.status('/v2/open/x/manifests/v1', 'GET', bearer(await ask('repository:open/x:pull'))), 404);
  const form = (fields: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(fields) });
  const posted = await registry.request('/auth/token', form({ grant_type: 'password', username: 'alice', password: 'a', service: 'srv', scope: 'repository:team/x:pull' }));
  assert.equal(posted.status, 200);
  assert.equal(await registry.status('/v2/team/x/manifests/v1', 'GET', bearer(((await posted.json()) as { access_token: string }).access_token)), 200);
  assert.equal(await registry.status('/auth/token', 'POST', form({ grant_type: 'password', username: 'alice', password: 'x' })), 401);
  assert.equal(await registry.status('/auth/token', 'POST', form({ grant_type: 'refresh_token' })), 400);
  const tampered = token.replace(/\.([^.]+)\./, (_all, claims: string) => `.${Buffer.from(Buffer.from(claims, 'base64url').toString().replace('team/x', 'team/y')).toString('base64url')}.`);
  assert.match((await registry.refusal('/v2/', bearer(tampered))).message, /no trusted key has signed it/);
  await registry.close();
  await registry.open();
  assert.equal(await registry.status('/v2/team/x/manifests/v1', 'GET', bearer(token)), 200);
});

interface Claims {
  readonly [name: string]: unknown;
}

function tokenOf(claims: Claims, options: { key: KeyObject; alg: string; kid?: string; x5c?: readonly string[] }): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ typ: 'JWT', alg: options.alg, ...(options.kid === undefined ? {} : { kid: options.kid }), ...(options.x5c === undefined ? {} : { x5c: options.x5c }) })}.${encode(claims)}`;
  return `${text}.${sign(options.alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key: options.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

test('tokens of an outside server must be checked by its keys, issuer, audience and times', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-keys-');
  try {
    const [rsa, ec, ed, stranger] = [generateKeyPairSync('rsa', { modulusLength: 2048 }), generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })];
    const keys = join(directory, 'keys.json');
    writeFileSync(keys, JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r' }, { ...ec.publicKey.export({ format: 'jwk' }), kid: 'e' }, ed.publicKey.export({ format: 'jwk' }), { kty: 'oct', k: 'c2VjcmV0', kid: 'o' }] }));
    const auth = { realm: 'https://auth.example/token', service: 'registry.example', issuer: 'auth.example', keys };
    await using registry = await TestRegistry.start({ auth });
    const now = Math.floor(Date.now() / 1000);
    const good = { iss: 'auth.example', sub: 'alice', aud: 'registry.example', exp: now + 60, nbf: now - 1, access: [{ type: 'repository', name: 'a/b', actions: ['pull', 'push'] }] };
    const status = async (token: string): Promise<number> => await registry.status('/v2/a/b/tags/list', 'GET', bearer(token));
    assert.equal((await registry.refusal('/v2/a/b/tags/list')).headers.get('www-authenticate'), 'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"');
    const signers = [{ key: rsa.privateKey, alg: 'RS256', kid: 'r' }, { key: ec.privateKey, alg: 'ES256', kid: 'e' }, { key: ec.privateKey, alg: 'ES256' }, { key: ed.privateKey, alg: 'EdDSA' }];
    for (const signer of signers) assert.equal(await status(tokenOf(good, signer)), 404, signer.alg);
    assert.equal(await status(tokenOf({ ...good, aud: ['x', 'registry.example'] }, { key: ec.privateKey, alg: 'ES256' })), 404);
    const wrong: readonly Claims[] = [{ iss: 'other' }, { aud: 'other' }, { exp: now - 3600 }, { exp: undefined }, { nbf: now + 3600 }, { access: [] }, { access: 'all' }, { access: [{ type: 'repository', name: 'a/c', actions: ['pull'] }] }];
    for (const claims of wrong) assert.equal(await status(tokenOf({ ...good, ...claims }, { key: ec.privateKey, alg: 'ES256', kid: 'e' })), 401, JSON.stringify(claims));
    assert.equal(await status(tokenOf(good, { key: stranger.privateKey, alg: 'ES256', kid: 'e' })), 401);
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const alg of ['none', 'HS256']) {
      const text = `${encode({ alg, kid: 'r' })}.${encode(good)}`;
      // The public key as a secret is the oldest trick.
      const signature = alg === 'none' ? '' : createHmac('sha256', rsa.publicKey.export({ format: 'pem', type: 'spki' })).update(text).digest('base64url');
      assert.equal(await status(`${text}.${signature}`), 401, alg);
    }
    for (const text of ['x', 'a.b', 'a.b.c', '..', `${encode([])}.${encode(good)}.x`]) assert.equal(await status(text), 401);
    const all = { ...good, access: [{ type: 'registry', name: 'catalog', actions: ['*'] }] };
    assert.equal(await registry.status('/v2/_catalog', 'GET', bearer(tokenOf(all, { key: ec.privateKey, alg: 'ES256' }))), 200);
    assert.equal(await registry.status('/v2/_catalog', 'GET', bearer(tokenOf(good, { key: ec.privateKey, alg: 'ES256' }))), 401);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** A certificate for this machine, made by OpenSSL. */
function makeCertificate(directory: string, name: string): { certificate: string; key: string } {
  const [certificate, key] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
  return { certificate, key };
}

async function peerName(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<PeerCertificate>();
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket.getPeerCertificate()));
  socket.once('error', reject);
  const name = await promise.finally(() => socket.destroy());
  return String(name.subject.CN);
}

test('HTTPS must be served, and a changed certificate be taken without a restart', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-tls-');
  try {
    const first = makeCertificate(directory, 'first');
    await using registry = await TestRegistry.start({ tls: first });
    assert.equal(await peerName(registry.port), 'first');
    const second = makeCertificate(directory, 'second');
    for (const part of ['certificate', 'key'] as const) execFileSync('cp', [second[part], first[part]]);
    await registry.server.reload();
    assert.equal(await peerName(registry.port), 'second');
    execFileSync('cp', [makeCertificate(directory, 'third').key, first.key]);
    // Half a change must not stop the server.
    await assert.rejects(registry.server.reload());
    assert.equal(await peerName(registry.port), 'second');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('clients without a certificate must be turned away where one is asked for', async () => {
  const directory = mkdtempSync('/tmp/dhow-registry-tls-');
  try {
    const [server, client] = [makeCertificate(directory, 'server'), makeCertificate(directory, 'client')];
    await using registry = await TestRegistry.start({ tls: { ...server, clientAuthorities: client.certificate } });
    const { readFileSync } = await import('node:fs');
    const ask = async (certificate: { cert?: Buffer; key?: Buffer }): Promise<number | undefined> => {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      const request = requestSecure(`${registry.url}/v2/`, { rejectUnauthorized: false, agent: false, ...certificate }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.once('error', reject).end();
      return await promise;
    };
    assert.equal(await ask({ cert: readFileSync(client.certificate), key: readFileSync(client.key) }), 200);
    await assert.rejects(ask({}));
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a configuration that cannot be must be refused with its place', async () => {
  using users = new Users({});
  const cases: readonly [Record<string, unknown>, RegExp][] = [
    [{ lisen: ':1' }, /lisen: there is no such field/],
    [{ listen: 'nowhere' }, /listen: "nowhere" is no address/],
    [{ listen: 5000 }, /listen: it must be a text/],
    [{ readOnly: 'yes' }, /readOnly: it must be true or false/],
    [{ garbage: { interval: 'often' } }, /garbage\.interval: "often" is no duration/],
    [{ auth: {} }, /an htpasswd file is missing/],
    [{ auth: { htpasswd: '/no/such/file' } }, /htpasswd file \/no\/such\/file cannot be used: .*ENOENT/],
    [{ auth: { htpasswd: users.path } }, /no user with a bcrypt hash/],
    [{ auth: { realm: 'https://x/', service: 's' } }, /needs realm, issuer and keys/],
    [{ access: [{ actions: ['fly'] }] }, /access\[0\]\.actions: "fly"/],
    [{ upstreams: [{ name: 'Docker/IO', url: 'https://x' }] }, /upstreams\[0\]\.name/],
    [{ upstreams: [{ name: 'x', url: 'ftp://x' }] }, /upstreams\[0\]\.url/],
    [{ mirror: 'x' }, /mirror: there is no upstream "x"/],
    [{ tls: { certificate: '/x' } }, /tls\.key: it is missing/],
    [{ tls: { certificate: '/no/x', key: '/no/y' } }, /certificate \/no\/x cannot be used/],
  ];
  for (const [document, reason] of cases) await assert.rejects(TestRegistry.start(document), reason);
  await eventually('no server is left', async () => {
    await using registry = await TestRegistry.start();
    assert.equal(await registry.status('/v2/'), 200);
  });
});

test('passwords that wait to be checked must not pile up without end', async () => {
  using users = new Users({ alice: 'a' });
  writeFileSync(users.path, `alice:${hashSync('a', 8)}\n`);
  await using registry = await TestRegistry.start({ auth: { htpasswd: users.path } });
  const statuses = await Promise.all(Array.from({ length: 100 }, async () => await registry.status('/v2/', 'GET', basic('alice', randomBytes(4).toString('hex')))));
  assert.deepEqual([...new Set(statuses)].sort(), [401, 429]);
});
