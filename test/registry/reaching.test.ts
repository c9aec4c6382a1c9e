import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { certificateFault } from '#base/certificate-words.ts';
import { anonymous } from '#registry/credentials.ts';
import { registryEndpoints, type RegistryConfiguration, type RegistryEndpoint } from '#registry/endpoints.ts';
import { isDirect, proxySettings } from '#registry/proxy-settings.ts';
import { RegistryConnection } from '#registry/registry-connection.ts';
import { makeCertificates, serve, serveProxy, type Validity } from './registry-servers.ts';

const never = new AbortController().signal;
/** Registries of this machine are insecure by their address; by this name one is not. */
const secureName = 'registry.test';

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'dhow-certs-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function reach(endpoint: RegistryEndpoint): Promise<void> {
  using connection = await RegistryConnection.open({ endpoint, credentials: anonymous, userAgent: 'test', scopes: [] }, never);
  assert.ok(connection);
}

async function firstOf(domain: string, configuration: RegistryConfiguration): Promise<RegistryEndpoint> {
  const [first] = await registryEndpoints(domain, configuration);
  assert.ok(first !== undefined);
  return first;
}

test('a registry with a certificate of its own authority must be trusted by its directory, and by nothing else', async (t) => {
  const made = await makeCertificates(t, `DNS:${secureName}`);
  const server = await serve(t, (_request, response) => void response.writeHead(200).end('{}'), { cert: made.certificate, key: made.key });
  const proxy = await serveProxy(t);
  // The name is known to the proxy alone.
  const proxies = proxySettings({ https: `http://${proxy.host}` }, {});
  const domain = `${secureName}:${server.host.split(':')[1]}`;
  await assert.rejects(reach(await firstOf(domain, { proxies })), { message: `Get "https://${domain}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority` });
  const certificates = directory(t);
  mkdirSync(join(certificates, domain));
  writeFileSync(join(certificates, domain, 'ca.crt'), made.authority);
  await reach(await firstOf(domain, { proxies, certificatesDirectories: ['/nonexistent', certificates] }));
  await reach(await firstOf(domain, { proxies, insecureRegistries: [domain] }));
  const other = domain.replace(secureName, 'other.test');
  mkdirSync(join(certificates, other));
  writeFileSync(join(certificates, other, 'ca.crt'), made.authority);
  const endpoint = await firstOf(domain, { proxies, certificatesDirectories: [certificates] });
  const wrongName = await serve(t, (_request, response) => void response.end('{}'), { cert: made.certificate, key: made.key });
  await assert.rejects(reach({ ...endpoint, base: new URL(`https://${wrongName.host}`) }), { message: `Get "https://${wrongName.host}/v2/": tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs` });
});

test('what is wrong with a registry’s certificate must be told as Docker tells it: times before names, names before who signed it', async (t) => {
  const wrong = async (names: string, options: { validity?: Validity; trusted?: boolean } = {}): Promise<string> => {
    const made = await makeCertificates(t, names, options.validity);
    const server = await serve(t, (_request, response) => void response.writeHead(200).end('{}'), { cert: made.certificate, key: made.key });
    const trust = { insecure: false, ...(options.trusted === false ? {} : { ca: [made.authority] }) };
    const failure = await reach({ base: new URL(`https://${server.host}`), mirror: false, trust }).then(() => new Error('reached'), (error: unknown) => error as Error);
    const start = `Get "https://${server.host}/v2/": tls: failed to verify certificate: x509: `;
    assert.ok(failure.message.startsWith(start), failure.message);
    return failure.message.slice(start.length);
  };
  const expired = { from: '20200101000000Z', to: '20210102030405Z' };
  const now = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:Z|[+-]\\d\\d:\\d\\d)';
  const tooLate = new RegExp(`^certificate has expired or is not yet valid: current time ${now} is after 2021-01-02T03:04:05Z$`);
  assert.match(await wrong('IP:127.0.0.1', { validity: expired }), tooLate);
  assert.match(await wrong('DNS:other.test', { validity: expired, trusted: false }), tooLate);
  assert.match(await wrong('IP:127.0.0.1', { validity: { from: '20490101000000Z', to: '20491231000000Z' } }), new RegExp(`^certificate has expired or is not yet valid: current time ${now} is before 2049-01-01T00:00:00Z$`));
  assert.equal(await wrong('IP:192.0.2.1,IP:192.0.2.2'), 'certificate is valid for 192.0.2.1, 192.0.2.2, not 127.0.0.1');
  assert.equal(await wrong('IP:192.0.2.1', { trusted: false }), 'certificate is valid for 192.0.2.1, not 127.0.0.1');
  assert.equal(await wrong('DNS:other.test'), "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs");
  assert.equal(await wrong(''), "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs");
  assert.equal(await wrong('IP:127.0.0.1', { trusted: false }), 'certificate signed by unknown authority');
  const named = new X509Certificate((await makeCertificates(t, 'DNS:a.test,DNS:b.test')).certificate);
  assert.equal(certificateFault(named, 'c.test'), 'certificate is valid for a.test, b.test, not c.test');
  assert.equal(certificateFault(named, 'a.test'), undefined);
  const nameless = new X509Certificate((await makeCertificates(t, '')).certificate);
  assert.equal(certificateFault(nameless, 'c.test'), 'certificate is not valid for any names, but wanted to match c.test');
  assert.equal(certificateFault(nameless, 'test'), 'certificate relies on legacy Common Name field, use SANs instead');
});

test('a registry that wants a certificate must be shown the one of its directory', async (t) => {
  const made = await makeCertificates(t, 'IP:127.0.0.1,DNS:localhost');
  const server = await serve(t, (_request, response) => void response.writeHead(200).end('{}'), { cert: made.certificate, key: made.key, ca: made.authority, requestCert: true });
  const trust = { insecure: false, ca: [made.authority] };
  const base = new URL(`https://${server.host}`);
  await assert.rejects(reach({ base, mirror: false, trust }), { message: /remote error: tls: (certificate required|bad certificate|handshake failure)/ });
  const certificates = directory(t);
  const host = 'client.test:5000';
  mkdirSync(join(certificates, host));
  const write = (name: string, text: string): void => writeFileSync(join(certificates, host, name), text);
  write('client.cert', made.certificate);
  await assert.rejects(registryEndpoints(host, { certificatesDirectories: [certificates] }), { code: 'registry.invalid_parameter', message: 'missing key client.key for client certificate client.cert. CA certificates must use the extension .crt' });
  write('client.key', made.key);
  write('ca.crt', made.authority);
  const endpoint = await firstOf(host, { certificatesDirectories: [certificates] });
  await reach({ ...endpoint, base });
  rmSync(join(certificates, host, 'client.cert'));
  await assert.rejects(registryEndpoints(host, { certificatesDirectories: [certificates] }), { message: 'missing client certificate client.cert for key client.key' });
});

test('a registry without TLS must be said to be one, and be spoken to only when it is insecure', async (t) => {
  const server = await serve(t, (_request, response) => void response.writeHead(200).end('{}'));
  const [secure, plain] = await registryEndpoints(server.host, {});
  assert.ok(secure !== undefined && plain !== undefined);
  await assert.rejects(reach(secure), { message: `Get "https://${server.host}/v2/": http: server gave HTTP response to HTTPS client` });
  await reach(plain);
});

test('proxies must be asked for all but this machine and what is excepted', async (t) => {
  const proxy = await serveProxy(t);
  const trust = { insecure: false };
  const proxies = proxySettings({}, { HTTP_PROXY: `http://user:word@${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}`, no_proxy: '' });
  await reach({ base: new URL('http://registry.invalid:5000'), mirror: false, trust, proxies });
  assert.deepEqual(proxy.requests.map(({ method, url, authorization }) => [method, url, authorization]), [['GET', 'http://registry.invalid:5000/v2/', `Basic ${Buffer.from('user:word').toString('base64')}`]]);
  const server = await serve(t, (_request, response) => void response.writeHead(200).end('{}'));
  await reach({ base: new URL(`http://${server.host}`), mirror: false, trust, proxies });
  assert.equal(proxy.requests.length, 1);
  const refusing = await serveProxy(t, { refuse: true });
  await assert.rejects(reach({ base: new URL('https://registry.invalid'), mirror: false, trust, proxies: proxySettings({ https: `http://${refusing.host}` }, {}) }), { message: 'Get "https://registry.invalid/v2/": Forbidden' });
  await assert.rejects(reach({ base: new URL('https://registry.invalid'), mirror: false, trust, proxies: proxySettings({ https: 'http://127.0.0.1:1' }, {}) }), { message: 'Get "https://registry.invalid/v2/": proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused' });
});

test('what is excepted from proxies must be read as Go reads it', () => {
  const direct = (url: string, none: string): boolean => isDirect(new URL(url), { http: 'http://p', https: 'http://p', none });
  const cases: readonly (readonly [url: string, none: string, direct: boolean])[] = [
    ['http://a.example', '', false], ['http://localhost', '', true], ['http://127.4.5.6', '', true], ['http://[::1]:5000', '', true], ['http://a.example', '*', true],
    ['http://a.example', 'example', true], ['http://example', 'example', true], ['http://example', '.example', false], ['http://b.a.example', '.example', true], ['http://aexample', 'example', false],
    ['http://a.example', '*.example', true], ['http://a.example:81', 'a.example:80', false], ['http://a.example', 'a.example:80', true], ['https://a.example', 'x, a.example:443', true],
    ['http://10.1.2.3', '10.0.0.0/8', true], ['http://11.1.2.3', '10.0.0.0/8', false], ['http://10.1.2.3', '10.1.2.3', true], ['http://10.1.2.3', '.3', false], ['http://[fd00::1]', 'fd00::/8', true],
  ];
  for (const [url, none, expected] of cases) assert.equal(direct(url, none), expected, `${url} with ${JSON.stringify(none)}`);
  assert.equal(isDirect(new URL('https://a.example'), { http: 'http://p', https: '', none: '' }), true);
  assert.deepEqual(proxySettings({ http: 'option' }, { HTTP_PROXY: 'upper', http_proxy: 'lower', https_proxy: 'lower', NO_PROXY: 'n' }), { http: 'option', https: 'lower', none: 'n' });
});

test('mirrors must be asked before their registry, for reading only', async () => {
  const configuration = { mirrors: ['https://hub.mirror/'], mirrorsOf: { 'r.example': ['http://127.0.0.1:5000/base/', 'https://second.mirror/'] }, insecureRegistries: [] };
  const bases = async (domain: string, options?: { mirrors: boolean }): Promise<string[]> => (await registryEndpoints(domain, configuration, options)).map(({ base, mirror }) => `${base.href}${mirror ? ' mirror' : ''}`);
  assert.deepEqual(await bases('r.example'), ['http://127.0.0.1:5000/base/ mirror', 'https://second.mirror/ mirror', 'https://r.example/']);
  assert.deepEqual(await bases('r.example', { mirrors: false }), ['https://r.example/']);
  assert.deepEqual(await bases('docker.io'), ['https://hub.mirror/ mirror', 'https://registry-1.docker.io/']);
  assert.deepEqual(await bases('index.docker.io', { mirrors: false }), ['https://registry-1.docker.io/']);
  await assert.rejects(registryEndpoints('localhost:99999', {}), { message: 'Get "http://localhost:99999/v2/": dial tcp: address 99999: invalid port' });
});
