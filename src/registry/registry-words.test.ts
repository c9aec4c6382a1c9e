import assert from 'node:assert/strict';
import test from 'node:test';
import { parseChallenges } from './challenge.ts';
import { basicAuthorization, readCredentials } from './credentials.ts';
import { registryEndpoints } from './endpoints.ts';
import { describeNetworkError } from './go-network-error.ts';

const problem = (fields: object): Error => Object.assign(new Error('node words'), fields);

test('what stands in the way of a connection must be told in the words of Go', () => {
  const refused = problem({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 1 });
  assert.equal(describeNetworkError(refused, 'localhost'), 'dial tcp 127.0.0.1:1: connect: connection refused');
  const both = new AggregateError([problem({ code: 'ECONNREFUSED', syscall: 'connect', address: '::1', port: 1 }), refused]);
  assert.equal(describeNetworkError(both, 'localhost'), 'dial tcp 127.0.0.1:1: connect: connection refused');
  assert.equal(describeNetworkError(problem({ code: 'ENETUNREACH', syscall: 'connect', address: '2001:db8::1', port: 443 }), 'h'), 'dial tcp [2001:db8::1]:443: connect: network is unreachable');
  assert.match(describeNetworkError(problem({ code: 'ENOTFOUND', syscall: 'getaddrinfo' }), 'no.example'), /^dial tcp: lookup no\.example on \S+:53: no such host$/);
  assert.equal(describeNetworkError(problem({ code: 'EPROTO' }), 'h'), 'http: server gave HTTP response to HTTPS client');
  assert.equal(describeNetworkError(problem({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'h'), 'tls: failed to verify certificate: x509: certificate signed by unknown authority');
  assert.equal(describeNetworkError(problem({ code: 'ECONNRESET', message: 'socket hang up' }), 'h'), 'EOF');
});

test('challenges must be read with quotes, several schemes and no parameters', () => {
  const read = (header: string | undefined): [string, object][] => parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
  assert.deepEqual(read('Bearer realm="https://auth.example/token?a=b,c",service="the \\"registry\\"",scope="repository:a:pull,push"'), [
    ['bearer', { realm: 'https://auth.example/token?a=b,c', service: 'the "registry"', scope: 'repository:a:pull,push' }],
  ]);
  assert.deepEqual(read('Basic realm=x, Bearer realm="y", error=invalid_token'), [['basic', { realm: 'x' }], ['bearer', { realm: 'y', error: 'invalid_token' }]]);
  assert.deepEqual(read('Negotiate'), [['negotiate', {}]]);
  assert.deepEqual(read(undefined), []);
});

test('credentials must be read from both alphabets of base64 and whatever cannot be read be none', () => {
  const document = { username: 'ü?>', password: 'p~~~', identitytoken: 'i' };
  for (const alphabet of ['base64', 'base64url'] as const) {
    const { username, password, identityToken } = readCredentials(Buffer.from(JSON.stringify(document)).toString(alphabet));
    assert.deepEqual([username, password, identityToken], ['ü?>', 'p~~~', 'i']);
  }
  for (const header of [undefined, '', '!!', Buffer.from('[]').toString('base64'), Buffer.from('null').toString('base64')]) assert.equal(readCredentials(header).username, '');
  assert.equal(basicAuthorization(readCredentials(Buffer.from('{"username":"u","password":"p"}').toString('base64'))), 'Basic dTpw');
});

test('registries of this machine and those named insecure must be tried over HTTPS first and HTTP then, others over HTTPS only', async () => {
  const bases = async (domain: string, insecureRegistries: string[] = []): Promise<string[]> => (await registryEndpoints(domain, { insecureRegistries })).map(({ base, trust }) => `${base.href}${trust.insecure ? ' insecure' : ''}`);
  assert.deepEqual(await bases('localhost:5000'), ['https://localhost:5000/ insecure', 'http://localhost:5000/ insecure']);
  assert.deepEqual(await bases('127.1.2.3'), ['https://127.1.2.3/ insecure', 'http://127.1.2.3/ insecure']);
  assert.deepEqual(await bases('[::1]:5000'), ['https://[::1]:5000/ insecure', 'http://[::1]:5000/ insecure']);
  assert.deepEqual(await bases('192.0.2.1:5000'), ['https://192.0.2.1:5000/']);
  assert.deepEqual(await bases('192.0.2.1:5000', ['192.0.2.0/24']), ['https://192.0.2.1:5000/ insecure', 'http://192.0.2.1:5000/ insecure']);
  assert.deepEqual(await bases('192.0.2.1:5000', ['192.0.2.1:5000']), ['https://192.0.2.1:5000/ insecure', 'http://192.0.2.1:5000/ insecure']);
  assert.deepEqual(await bases('docker.io'), ['https://registry-1.docker.io/']);
});
