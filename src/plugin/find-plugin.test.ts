import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { findPlugin, pluginNames } from './find-plugin.ts';

test('plugins must be found by sockets and specifications, sockets first, also in directories of their name', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'dhow-plugins-'));
  const places = { sockets: [join(root, 'none'), join(root, 'run')], specifications: [join(root, 'etc'), join(root, 'lib')] };
  for (const directory of ['run/inner', 'etc/nested', 'lib']) mkdirSync(join(root, directory), { recursive: true });
  const servers = await Promise.all(['run/plain.sock', 'run/inner/inner.sock', 'run/both.sock'].map(async (path) => {
    const server = createServer().listen(join(root, path));
    await once(server, 'listening');
    return server;
  }));
  t.after(() => {
    for (const server of servers) server.close();
    rmSync(root, { recursive: true, force: true });
  });
  writeFileSync(join(root, 'run/file.sock'), 'no socket');
  writeFileSync(join(root, 'etc/both.spec'), 'tcp://10.0.0.1:1');
  writeFileSync(join(root, 'etc/nested/nested.spec'), ' tcp://10.0.0.2:2\n');
  writeFileSync(join(root, 'lib/secured.json'), JSON.stringify({ Name: 'other', Addr: 'https://plugins.example:8443', TLSConfig: { CAFile: '/ca.pem', CertFile: '/cert.pem', KeyFile: '/key.pem' } }));
  writeFileSync(join(root, 'lib/bad.spec'), 'nowhere');
  writeFileSync(join(root, 'lib/broken.json'), '{');
  writeFileSync(join(root, 'lib/notes.txt'), '');

  assert.deepEqual(pluginNames(places).sort(), ['bad', 'both', 'broken', 'inner', 'nested', 'plain', 'secured']);
  assert.deepEqual(findPlugin(places, 'plain'), { url: `unix://${join(root, 'run/plain.sock')}` });
  assert.deepEqual(findPlugin(places, 'inner'), { url: `unix://${join(root, 'run/inner/inner.sock')}` });
  assert.deepEqual(findPlugin(places, 'both'), { url: `unix://${join(root, 'run/both.sock')}` });
  assert.deepEqual(findPlugin(places, 'nested'), { url: 'tcp://10.0.0.2:2' });
  assert.deepEqual(findPlugin(places, 'secured'), { url: 'https://plugins.example:8443', tls: { insecure: false, caFile: '/ca.pem', certFile: '/cert.pem', keyFile: '/key.pem' } });
  assert.throws(() => findPlugin(places, 'bad'), { code: 'plugin.specification_invalid', message: 'legacy plugin: Unknown protocol' });
  assert.throws(() => findPlugin(places, 'broken'), { code: 'plugin.specification_invalid' });
  for (const name of ['file', 'missing', '../run/plain', '']) assert.equal(findPlugin(places, name), undefined);
});
