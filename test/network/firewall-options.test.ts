/** What the daemon's options `iptables`, `ip6tables`, `allow-direct-routing`, `userland-proxy` and `ip-forward` change, with packets and the kernel's tables. */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { readSysctl, writeSysctl } from '#kernel/sysctl.ts';
import type { NetworkController } from '#network/contract.ts';
import type { NetworkSettings } from '#network/default-bridge.ts';
import { networkRequest } from './network-request.ts';
import { ask, enterPrivateHost, hostAddress, hostAddress6, outsideAddress, outsideAddress6, publishing, sandboxRequest, secondHostAddress6, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let outside = '';

before(async () => {
  outside = await root.outside();
});
after(async () => await root[Symbol.asyncDispose]());

/** A daemon of its own for the test, on bridge `name`. */
async function started(t: TestContext, name: string, settings: NetworkSettings): Promise<NetworkController> {
  const warnings: string[] = [];
  const networks = root.controller(name, { settings, engineId: name, warn: (message) => warnings.push(message) });
  await networks.start([]);
  t.after(async () => {
    await networks[Symbol.asyncDispose]();
    assert.deepEqual(warnings, []);
  });
  return networks;
}

async function tablesOf(bridge: string): Promise<string[]> {
  return (await succeed('nft', ['list', 'tables'])).split('\n').filter((line) => line.endsWith(` dhow_${bridge}`));
}

test('without firewall rules published ports must be served by relays, and nothing be translated', async (t) => {
  const networks = await started(t, 'bare0', { bip: '10.91.0.1/24', six: true, fixedRange6: 'fd91::/64', firewall: [] });
  assert.deepEqual(await tablesOf('bare0'), []);
  assert.equal(readSysctl('net/ipv4/conf/bare0/route_localnet'), '0');
  const sandbox = await networks.create(publishing('bare', '8110:80', '8153:53/udp'));
  assert.deepEqual(sandbox.ports['80/tcp'], [{ HostIp: '0.0.0.0', HostPort: '8110' }, { HostIp: '::', HostPort: '8110' }]);
  await root.serve(sandbox.namespacePath, 'bare', 80, 'tcp6');
  await root.serve(sandbox.namespacePath, 'name', 53, 'udp');
  // The relay asks the container, so it is the bridge that the container sees.
  for (const [address, from] of [['127.0.0.1', undefined], [hostAddress, undefined], [hostAddress, outside]] as const) {
    assert.equal(await ask(address, 8110, from === undefined ? {} : { from }), 'bare ::ffff:10.91.0.1', address);
    assert.equal(await ask(address, 8153, { protocol: 'udp', ...(from !== undefined && { from }) }), 'name 10.91.0.1', address);
  }
  for (const address of [hostAddress6, secondHostAddress6]) assert.equal(await ask(address, 8110, { from: outside }), 'bare fd91::1', address);
  // Nothing is masqueraded: the outside does not know the way back.
  await root.serve(outside, 'far', 7110);
  assert.equal(await ask(outsideAddress, 7110, { from: sandbox.namespacePath }), 'timed out');
  await networks.createNetwork(networkRequest('further', { EnableIPv6: true }));
  await networks.removeNetwork('further');
  await networks.destroy(publishing('bare').containerId, sandbox);
  assert.deepEqual(await tablesOf('bare0'), []);
  assert.equal(await ask('127.0.0.1', 8110), 'ECONNREFUSED');
});

test('each family must be left alone by itself', async (t) => {
  const networks = await started(t, 'only0', { bip: '10.92.0.1/24', six: true, fixedRange6: 'fd92::/64', firewall: [4] });
  assert.deepEqual(await tablesOf('only0'), ['table ip dhow_only0']);
  const sandbox = await networks.create(publishing('only', '8120:80'));
  await root.serve(sandbox.namespacePath, 'only', 80, 'tcp6');
  assert.equal(await ask(hostAddress, 8120, { from: outside }), `only ::ffff:${outsideAddress}`);
  assert.equal(await ask(hostAddress6, 8120, { from: outside }), 'only fd92::1');
  await networks.destroy(publishing('only').containerId, sandbox);
  const other = await started(t, 'only1', { bip: '10.93.0.1/24', six: true, fixedRange6: 'fd93::/64', firewall: [6] });
  assert.deepEqual(await tablesOf('only1'), ['table ip6 dhow_only1']);
  const second = await other.create(publishing('second', '8121:80'));
  await root.serve(second.namespacePath, 'second', 80, 'tcp6');
  assert.equal(await ask(hostAddress, 8121, { from: outside }), 'second ::ffff:10.93.0.1');
  assert.equal(await ask(hostAddress6, 8121, { from: outside }), `second ${outsideAddress6}`);
});

test('a daemon without firewall rules must take away those of the one before, but nothing of the administrator’s', async () => {
  const settings: NetworkSettings = { bip: '10.94.0.1/24', six: true, fixedRange6: 'fd94::/64' };
  const first = root.controller('left0', { settings });
  await first.start([]);
  await succeed('nft', ['add', 'rule', 'ip', 'dhow_left0', 'admin', 'ip', 'saddr', '192.0.2.1', 'drop']);
  await first[Symbol.asyncDispose]();
  assert.equal((await tablesOf('left0')).length, 2);
  const second = root.controller('left0', { settings: { ...settings, firewall: [] } });
  await second.start([]);
  await second[Symbol.asyncDispose]();
  assert.deepEqual(await tablesOf('left0'), ['table ip dhow_left0']);
  const left = await succeed('nft', ['list', 'table', 'ip', 'dhow_left0']);
  assert.match(left, /ip saddr 192\.0\.2\.1 drop/);
  assert.doesNotMatch(left, /hook/);
  const third = root.controller('left0', { settings });
  await third.start([]);
  await third[Symbol.asyncDispose]();
  const again = await succeed('nft', ['list', 'table', 'ip', 'dhow_left0']);
  assert.match(again, /ip saddr 192\.0\.2\.1 drop/);
  assert.match(again, /hook forward/);
});

test('published ports, and no others, must be open at containers’ own addresses where direct routing is allowed', async (t) => {
  const networks = await started(t, 'direct0', { bip: '10.95.0.1/24', directRouting: true });
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'route', 'add', '10.95.0.0/16', 'via', hostAddress]);
  const sandbox = await networks.create(publishing('direct', '8130:80'));
  const address = sandbox.endpoints['bridge']?.address ?? '';
  for (const port of [80, 81]) await root.serve(sandbox.namespacePath, 'direct', port);
  assert.equal(await ask(address, 80, { from: outside }), `direct ${outsideAddress}`);
  assert.equal(await ask(address, 81, { from: outside }), 'timed out');
  await networks.createNetwork(networkRequest('beside'));
  const neighbour = await networks.create(sandboxRequest('neighbour', { networkMode: 'beside' }));
  assert.equal(await ask(address, 80, { from: neighbour.namespacePath }), 'timed out');

  const closed = await started(t, 'direct1', { bip: '10.95.1.1/24' });
  const shut = await closed.create(publishing('shut', '8131:80'));
  await root.serve(shut.namespacePath, 'shut', 80);
  assert.equal(await ask(hostAddress, 8131, { from: outside }), `shut ${outsideAddress}`);
  assert.equal(await ask(shut.endpoints['bridge']?.address ?? '', 80, { from: outside }), 'timed out');
});

test('without relays ports must be published where the kernel translates, and be held there', async (t) => {
  const networks = await started(t, 'plain0', { bip: '10.96.0.1/24', relays: false });
  const sandbox = await networks.create(publishing('plain', '8140:80', '8154:53/udp', '[::1]:8141:80'));
  assert.deepEqual(sandbox.ports, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8140' }], '53/udp': [{ HostIp: '0.0.0.0', HostPort: '8154' }] });
  await root.serve(sandbox.namespacePath, 'plain', 80);
  await root.serve(sandbox.namespacePath, 'name', 53, 'udp');
  for (const address of ['127.0.0.1', hostAddress]) {
    assert.match(await ask(address, 8140), /^plain /, address);
    assert.match(await ask(address, 8154, { protocol: 'udp' }), /^name /, address);
  }
  assert.equal(await ask(hostAddress, 8140, { from: outside }), `plain ${outsideAddress}`);
  assert.equal(await ask(hostAddress6, 8140, { from: outside }), 'ECONNREFUSED');
  assert.equal(await ask('::1', 8141), 'ECONNREFUSED');

  const six = await started(t, 'plain1', { bip: '10.96.1.1/24', six: true, fixedRange6: 'fd96::/64', relays: false });
  const both = await six.create(publishing('both', '8142:80'));
  assert.deepEqual(both.ports['80/tcp'], [{ HostIp: '0.0.0.0', HostPort: '8142' }, { HostIp: '::', HostPort: '8142' }]);
  await root.serve(both.namespacePath, 'both', 80, 'tcp6');
  assert.equal(await ask(hostAddress6, 8142, { from: outside }), `both ${outsideAddress6}`);
  // The kernel does not translate connections to ::1.
  assert.equal(await ask('::1', 8142), 'ECONNRESET');
});

test('with neither firewall rules nor relays ports must be held, and lead nowhere', async (t) => {
  const networks = await started(t, 'none0', { bip: '10.97.0.1/24', firewall: [], relays: false });
  const sandbox = await networks.create(publishing('none', '8150:80'));
  await root.serve(sandbox.namespacePath, 'none', 80);
  assert.equal(await ask(hostAddress, 8150, { from: outside }), 'ECONNRESET');
  await assert.rejects(networks.create(publishing('late', '8150:80')), /port is already allocated/);
});

test('forwarding must be left as it is where the engine may not switch it on', async (t) => {
  const before = readSysctl('net.ipv4.ip_forward') ?? '0';
  t.after(() => writeSysctl('net.ipv4.ip_forward', before));
  writeSysctl('net.ipv4.ip_forward', '0');
  await started(t, 'still0', { bip: '10.98.0.1/24', forwarding: false });
  assert.equal(readSysctl('net.ipv4.ip_forward'), '0');
  await started(t, 'still1', { bip: '10.98.1.1/24' });
  assert.equal(readSysctl('net.ipv4.ip_forward'), '1');
});
