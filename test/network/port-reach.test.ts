/** Who can reach published ports, by the firewall that a private host really has, and where ports are published by default. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PortReach } from '#schema/port-reach.ts';
import { networkRequest } from './network-request.ts';
import { ask, eventually, hostAddress, playHost, publishing, succeed } from './private-host.ts';

const { root, networks, outside } = await playHost();

const reachAt = (containerId: string, address: string): PortReach => {
  const found = networks.reach(containerId).find(({ HostIp }) => HostIp === address);
  assert.ok(found !== undefined, `nothing is published at ${address}`);
  return found;
};

test('the chain that keeps a port from others must be named, and what is told must be so', async () => {
  const wish = publishing('web', '18081:80', '127.0.0.1:18082:80');
  const sandbox = await networks.create(wish);
  await root.serve(sandbox.namespacePath, 'web', 80);
  const open = reachAt(wish.containerId, '0.0.0.0');
  // A network for tests counts as public: no router of a private one has it.
  assert.deepEqual([open.Reach, open.Path, open.Addresses, open.Firewall.map(({ Owner }) => Owner)], ['everyone', 'forward', [hostAddress], ['engine']]);
  await eventually(async () => assert.match(await ask(hostAddress, 18081, { from: outside }), /^web /));
  assert.equal(reachAt(wish.containerId, '127.0.0.1').Summary, 'this machine alone');
  assert.equal(await ask(hostAddress, 18082, { from: outside }), 'ECONNREFUSED');

  await succeed('nft', ['add table ip strict; add chain ip strict passing { type filter hook forward priority 10; policy drop; }']);
  const closed = reachAt(wish.containerId, '0.0.0.0');
  assert.equal(closed.Summary, 'this machine alone: chain passing of table ip strict (nftables) drops everything');
  assert.equal(await ask(hostAddress, 18081, { from: outside }), 'timed out');
  await succeed('nft', ['add rule ip strict passing ct status dnat accept; add rule ip strict passing ct state established accept']);
  assert.equal(reachAt(wish.containerId, '0.0.0.0').Summary, `everyone, at ${hostAddress}, where chain passing of table ip strict (nftables, policy drop) lets it pass`);
  await eventually(async () => assert.match(await ask(hostAddress, 18081, { from: outside }), /^web /));
  await succeed('nft', ['delete', 'table', 'ip', 'strict']);
  await succeed('nft', ['add', 'rule', 'ip', 'dhow_dhow0', 'admin', 'ip', 'saddr', '198.51.100.0/24', 'drop']);
  assert.deepEqual(reachAt(wish.containerId, '0.0.0.0').Firewall.map(({ Owner }) => Owner).sort(), ['admin', 'engine']);
  await succeed('nft', ['flush', 'chain', 'ip', 'dhow_dhow0', 'admin']);
  await networks.destroy(wish.containerId, sandbox);
  assert.deepEqual(networks.reach(wish.containerId), []);
});

test('ports must be published where the daemon is told, unless they or their network say otherwise', async () => {
  const next = root.controller('dhow1', { settings: { bip: '10.78.0.1/24', publishDefault: '127.0.0.1' } });
  await next.start([]);
  await next.createNetwork(networkRequest('open', { Options: { 'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0' } }));
  await next.createNetwork(networkRequest('usual'));
  for (const [network, specification, addresses] of [
    ['bridge', '18091:80', ['127.0.0.1']],
    ['usual', '18092:80', ['127.0.0.1']],
    ['bridge', '0.0.0.0:18093:80', ['0.0.0.0']],
    ['open', '18094:80', ['0.0.0.0', '::']],
  ] as const) {
    const wish = { ...publishing(`at-${specification}`, specification), networkMode: network };
    const sandbox = await next.create(wish);
    assert.deepEqual((sandbox.ports['80/tcp'] ?? []).map(({ HostIp }) => HostIp), addresses, specification);
    await next.destroy(wish.containerId, sandbox);
  }
  await next.removeNetwork('open');
  await next.removeNetwork('usual');
  await next[Symbol.asyncDispose]();
});
