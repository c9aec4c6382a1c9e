import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createPluginRegistry } from '#plugin/plugin-registry.ts';
import { PluginDriver } from '#volume/plugin-driver.ts';
import { makeCertificates } from '../registry/registry-servers.ts';

test('a plugin must be reached over TLS as its specification says', async (t) => {
  const own = await makeCertificates(t, 'IP:127.0.0.1');
  const other = await makeCertificates(t, 'IP:127.0.0.1');
  const directory = mkdtempSync(join(tmpdir(), 'dhow-plugins-'));
  let created = '{}';
  const server = createServer({ key: own.key, cert: own.certificate, ca: own.authority, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    // Whoever shows a certificate shows one of the authority.
    const isKnown = 'authorized' in request.socket && request.socket.authorized === true;
    request.resume().once('end', () => {
      if (request.url === '/VolumeDriver.Create') response.end(created);
      else response.end(JSON.stringify(request.url === '/Plugin.Activate' ? { Implements: ['VolumeDriver'] } : { Capabilities: { Scope: isKnown ? 'global' : 'local' } }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  const path = (name: string): string => join(own.directory, name);
  const describe = (name: string, TLSConfig: object | undefined, host = '127.0.0.1'): void => writeFileSync(join(directory, `${name}.json`), JSON.stringify({ Addr: `https://${host}:${port}`, TLSConfig }));
  describe('mutual', { CAFile: path('ca.crt'), CertFile: path('own.crt'), KeyFile: path('own.key') });
  describe('trusted', { CAFile: path('ca.crt') });
  describe('unchecked', { InsecureSkipVerify: true, CAFile: '/none' });
  describe('without-authority', {});
  describe('stranger', { CAFile: join(other.directory, 'ca.crt') });
  describe('system', undefined);
  describe('renamed', { CAFile: path('ca.crt') }, 'localhost');
  describe('missing', { CAFile: '/none/ca.pem' });
  describe('keyless', { CAFile: path('ca.crt'), CertFile: path('own.crt') });
  describe('no-certificate', { CAFile: path('own.key') });
  const registry = createPluginRegistry({ sockets: [], specifications: [directory] }, () => undefined);
  const reach = async (name: string): Promise<PluginDriver> => new PluginDriver(await registry.require(name, 'VolumeDriver', { patient: false }));

  assert.equal(await (await reach('mutual')).scope(), 'global');
  for (const name of ['trusted', 'unchecked', 'without-authority']) assert.equal(await (await reach(name)).scope(), 'local');
  const unknown = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  for (const [name, reason] of [
    ['stranger', `Post "https://127.0.0.1:${port}/Plugin.Activate": ${unknown}`],
    ['system', `Post "https://127.0.0.1:${port}/Plugin.Activate": ${unknown}`],
    ['renamed', `Post "https://localhost:${port}/Plugin.Activate": tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match localhost`],
    ['missing', 'could not read CA certificate "/none/ca.pem": open /none/ca.pem: no such file or directory'],
    ['keyless', 'Could not load X509 key pair: open : no such file or directory'],
    ['no-certificate', `failed to append certificates from PEM file: "${path('own.key')}"`],
  ] as const) await assert.rejects(reach(name), { message: `legacy plugin: ${reason}` });

  const driver = await reach('trusted');
  await driver.create('v', null);
  for (const [answer, message] of [
    ['<html>', "invalid character '<' looking for beginning of value"],
    ['', 'EOF'],
    ['[]', 'json: cannot unmarshal array into Go value of type drivers.volumeDriverProxyCreateResponse'],
    ['{"Err":5}', 'json: cannot unmarshal number into Go struct field .Err of type string'],
    ['{"Err":"full"}', 'full'],
  ] as const) {
    created = answer;
    await assert.rejects(driver.create('v', null), { message });
  }
});
