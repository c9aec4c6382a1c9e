/** Published SCTP ports: the kernel's rules for them always, and Docker's refusal where the kernel has no sockets of SCTP. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Firewall, type PortTranslation } from '#network/firewall.ts';
import { ask, playHost, publishing, succeed } from './private-host.ts';

const { root, networks } = await playHost();
const rules = (table: string): Promise<string> => succeed('nft', ['list', 'table', 'ip', table]);
const hasSockets = /^SCTP\s/m.test(readFileSync('/proc/net/protocols', 'utf8'));

test('SCTP ports must be translated by rules of their own beside TCP\'s of the same number', async () => {
  using firewall = new Firewall('sctp_rules');
  const port = (protocol: PortTranslation['protocol'], hostAddress: string, containerPort: number): PortTranslation =>
    ({ protocol, hostAddress, hostPort: 8400, containerAddress: '10.77.0.9', containerPort, open: true });
  await firewall.load([], { loopback: true, translations: [port('sctp', '0.0.0.0', 80)] });
  assert.match(await rules('sctp_rules'), /elements = \{ sctp \. 8400 : 10\.77\.0\.9 \. 80 \}/);
  const further = [port('tcp', '0.0.0.0', 81), port('sctp', '127.0.0.1', 82)];
  firewall.add(further);
  const listed = await rules('sctp_rules');
  for (const element of ['tcp . 8400 : 10.77.0.9 . 81', 'sctp . 8400 : 10.77.0.9 . 80', '127.0.0.1 . sctp . 8400 : 10.77.0.9 . 82', '10.77.0.9 . sctp . 82']) assert.ok(listed.includes(element), element);
  firewall.remove(further);
  assert.doesNotMatch(await rules('sctp_rules'), /sctp \. 82|tcp \. 8400 : 10\.77\.0\.9 \. 81/);
  await succeed('nft', ['delete', 'table', 'ip', 'sctp_rules']);
});

test('an SCTP port must be held and told, or be refused in Docker\'s words with nothing left behind', async () => {
  const before = await rules('dhow_dhow0');
  const wish = publishing('assoc', '127.0.0.1:8401:80/sctp', '127.0.0.1:8401:80');
  if (hasSockets) {
    const sandbox = await networks.create(wish);
    assert.deepEqual(sandbox.ports, { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8401' }], '80/sctp': [{ HostIp: '127.0.0.1', HostPort: '8401' }] });
    await assert.rejects(networks.create(publishing('other', '127.0.0.1:8401:80/sctp')), /Bind for 127\.0\.0\.1:8401 failed: port is already allocated/);
    await networks.destroy(wish.containerId, sandbox);
  } else {
    await assert.rejects(networks.create(wish), /^EngineError: failed to set up container networking: driver failed programming external connectivity on endpoint assoc \([0-9a-f]{64}\): error starting userland proxy: failed to listen on 127\.0\.0\.1:8401: protocol not supported$/);
  }
  assert.equal(await rules('dhow_dhow0'), before);
  assert.equal(await ask('127.0.0.1', 8401), 'ECONNREFUSED');
  // The number is free for others.
  const sandbox = await networks.create(publishing('stream', '127.0.0.1:8401:80'));
  await root.serve(sandbox.namespacePath, 'stream', 80);
  assert.match(await ask('127.0.0.1', 8401), /^stream /);
});
