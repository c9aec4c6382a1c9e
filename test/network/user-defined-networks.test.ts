/** Networks that users make: their bridges and rules, containers on several of them, and who reaches whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import type { NetworkIdentity, Sandbox } from '#network/contract.ts';
import { networkRequest } from './network-request.ts';
import { ask, eventually, hostAddress, outsideAddress, playHost, publishing, sandboxRequest, succeed } from './private-host.ts';

const { root, networks, outside, nextEngine } = await playHost();

const bridgeOf = ({ id }: NetworkIdentity): string => `br-${id.slice(0, 12)}`;
const rules = (): Promise<string> => succeed('nft', ['list', 'table', 'ip', 'dhow_dhow0']);
const exists = (name: string): boolean => {
  using routes = new RouteSocket();
  return routes.link(name) !== undefined;
};
const addressesIn = (sandbox: Sandbox): string[] => inNetworkNamespace(sandbox.namespacePath, () => {
  using routes = new RouteSocket();
  return routes.addresses().map(({ address, prefixLength }) => `${address}/${prefixLength}`);
});
const defaultRoute = async (sandbox: Sandbox): Promise<string> => /default via (\S+) dev (\S+)/.exec(await succeed('nsenter', [`--net=${sandbox.namespacePath}`, 'ip', 'route']))?.slice(1).join(' ') ?? '';

test('a network must be a bridge with its gateway and rules, and leave nothing when it is removed', async () => {
  const network = await networks.createNetwork(networkRequest('plain', { subnet: '10.81.0.0/24' }));
  const name = bridgeOf(network);
  assert.ok(exists(name));
  assert.match(await succeed('ip', ['-4', 'address', 'show', name]), /inet 10\.81\.0\.1\/24/);
  assert.match(await rules(), new RegExp(`to_${name}`));
  assert.deepEqual(networks.inspect('plain').IPAM.Config, [{ Subnet: '10.81.0.0/24' }]);
  assert.deepEqual(await networks.removeNetwork(network.id.slice(0, 8)), network);
  assert.equal(exists(name), false);
  assert.doesNotMatch(await rules(), new RegExp(name));
  assert.throws(() => networks.inspect('plain'), { code: 'network.not_found' });
});

test('range, gateway and auxiliary addresses must bound what containers get', async () => {
  const config = { Subnet: '10.82.0.0/24', IPRange: '10.82.0.128/30', Gateway: '10.82.0.254', AuxiliaryAddresses: { printer: '10.82.0.128' } };
  await networks.createNetwork(networkRequest('bounded', { IPAM: { Driver: '', Options: null, Config: [config] } }));
  const given = await Promise.all(['r1', 'r2', 'r3'].map(async (name) => (await networks.create(sandboxRequest(name, { networkMode: 'bounded' }))).endpoints['bounded']));
  assert.deepEqual(given.map((endpoint) => endpoint?.address), ['10.82.0.129', '10.82.0.130', '10.82.0.131']);
  assert.equal(given[0]?.gateway, '10.82.0.254');
  await assert.rejects(networks.create(sandboxRequest('r4', { networkMode: 'bounded' })), { code: 'network.no_address' });
  const asked = await networks.create(sandboxRequest('r5', { networkMode: 'bounded', endpointSettings: { IPAMConfig: { IPv4Address: '10.82.0.7' } } }));
  assert.equal(asked.endpoints['bounded']?.address, '10.82.0.7');
  await assert.rejects(networks.create(sandboxRequest('r6', { networkMode: 'bounded', endpointSettings: { IPAMConfig: { IPv4Address: '10.82.0.7' } } })), { message: 'failed to set up container networking: Address already in use' });
});

test('what cannot be made must be refused with Docker\'s text and leave no bridge', async () => {
  const bridges = async (): Promise<string> => succeed('ip', ['-br', 'link', 'show', 'type', 'bridge']);
  await networks.createNetwork(networkRequest('taken', { subnet: '10.83.0.0/24' }));
  const before = await bridges();
  for (const [wish, message] of [
    [networkRequest('taken'), 'network with name taken already exists'],
    [networkRequest('other', { subnet: '10.83.0.128/25' }), 'invalid pool request: Pool overlaps with other one on this address space'],
    [networkRequest('other', { subnet: '10.77.0.0/24' }), 'invalid pool request: Pool overlaps with other one on this address space'],
    [networkRequest('other', { Driver: 'bogus' }), 'plugin "bogus" not found'],
    [networkRequest('other', { Options: { 'com.docker.network.bridge.name': 'dhow0' } }), /^cannot create network [0-9a-f]{64} \(dhow0\): conflicts with network [0-9a-f]{64} \(dhow0\): networks have same bridge name$/],
    [networkRequest('other', { IPAM: { Driver: '', Options: null, Config: [{ Subnet: '10.84.0.0/24', AuxiliaryAddresses: { a: '10.84.0.1' } }] } }), 'failed to allocate secondary ip address (a:10.84.0.1): Address already in use'],
    [networkRequest('other', { Options: { 'com.docker.network.bridge.name': 'wan0' } }), 'existing interface wan0 is not a bridge'],
  ] as const) {
    await assert.rejects(networks.createNetwork(wish), { message });
  }
  assert.equal(await bridges(), before);
  assert.deepEqual(networks.list({ name: ['other'] }), []);
});

test('containers must reach each other on a network, and none on another', async () => {
  await networks.createNetwork(networkRequest('one', { subnet: '10.85.1.0/24' }));
  await networks.createNetwork(networkRequest('two', { subnet: '10.85.2.0/24' }));
  const server = await networks.create(sandboxRequest('server', { networkMode: 'one' }));
  const near = await networks.create(sandboxRequest('near', { networkMode: 'one' }));
  const far = await networks.create(sandboxRequest('far', { networkMode: 'two' }));
  const onBridge = await networks.create(sandboxRequest('on-bridge'));
  const address = server.endpoints['one']?.address ?? '';
  await root.serve(server.namespacePath, 'server', 80);
  assert.equal(await ask(address, 80, { from: near.namespacePath }), `server ${near.endpoints['one']?.address}`);
  assert.equal(await ask(address, 80, { from: far.namespacePath }), 'timed out');
  assert.equal(await ask(address, 80, { from: onBridge.namespacePath }), 'timed out');
  await root.serve(outside, 'outside', 9001);
  assert.equal(await ask(outsideAddress, 9001, { from: far.namespacePath }), `outside ${hostAddress}`);
});

test('an internal network must reach nothing outside, publish nothing and have no route', async () => {
  await networks.createNetwork(networkRequest('inner', { subnet: '10.86.0.0/24', Internal: true }));
  const one = await networks.create({ ...publishing('inner-one', '8086:80'), networkMode: 'inner' });
  const two = await networks.create(sandboxRequest('inner-two', { networkMode: 'inner' }));
  await root.serve(one.namespacePath, 'inner', 80);
  await root.serve(outside, 'outside', 9002);
  assert.equal(await ask(one.endpoints['inner']?.address ?? '', 80, { from: two.namespacePath }), `inner ${two.endpoints['inner']?.address}`);
  assert.equal(await defaultRoute(two), '');
  assert.deepEqual([one.ports, one.endpoints['inner']?.gateway], [{}, '']);
  // Also with a route of the container's own making.
  await succeed('nsenter', [`--net=${two.namespacePath}`, 'ip', 'route', 'add', 'default', 'via', '10.86.0.1']);
  assert.equal(await ask(outsideAddress, 9002, { from: two.namespacePath }), 'timed out');
});

test('containers must not reach each other where that is switched off, but the outside', async () => {
  await networks.createNetwork(networkRequest('apart', { subnet: '10.87.0.0/24', Options: { 'com.docker.network.bridge.enable_icc': 'false', 'com.docker.network.driver.mtu': '1400' } }));
  const one = await networks.create({ ...publishing('apart-one', '9087:80'), networkMode: 'apart' });
  const two = await networks.create(sandboxRequest('apart-two', { networkMode: 'apart' }));
  await root.serve(one.namespacePath, 'apart', 80);
  await root.serve(outside, 'outside', 9003);
  assert.notEqual(await ask(one.endpoints['apart']?.address ?? '', 80, { from: two.namespacePath }), `apart ${two.endpoints['apart']?.address}`);
  for (const from of [one, two]) assert.match(await ask('10.87.0.1', 9087, { from: from.namespacePath }), /^apart /, 'what is published is for everybody');
  assert.equal(await ask(outsideAddress, 9003, { from: two.namespacePath }), `outside ${hostAddress}`);
  assert.match(await succeed('nsenter', [`--net=${two.namespacePath}`, 'ip', 'link', 'show', 'eth0']), /mtu 1400/);
});

test('a running container must be connected and disconnected at once, with ports and way out following', async () => {
  await networks.createNetwork(networkRequest('first', { subnet: '10.88.1.0/24' }));
  await networks.createNetwork(networkRequest('second', { subnet: '10.88.2.0/24' }));
  const wish = { ...publishing('roamer', '8088:80'), networkMode: 'second' };
  const sandbox = await networks.create(wish);
  await root.serve(sandbox.namespacePath, 'roamer', 80);
  const on = { containerName: 'roamer', exposedPorts: wish.exposedPorts, portBindings: wish.portBindings, publishAll: false };

  const both = await networks.connect(wish.containerId, { ...on, network: 'first', settings: { IPAMConfig: { IPv4Address: '10.88.1.50' } } });
  assert.deepEqual(addressesIn(both), ['127.0.0.1/8', '10.88.2.2/24', '10.88.1.50/24']);
  // Of equal priority the first name has the way out.
  assert.equal(await defaultRoute(both), '10.88.1.1 eth1');
  await eventually(async () => assert.match(await ask(hostAddress, 8088, { from: outside }), /^roamer /));
  assert.match(await rules(), /10\.88\.1\.50 \. 80/);
  assert.equal(networks.inspect('first').Containers[wish.containerId]?.IPv4Address, '10.88.1.50/24');
  await assert.rejects(networks.connect(wish.containerId, { ...on, network: 'first', settings: {} }), { message: 'endpoint with name roamer already exists in network first' });
  await assert.rejects(networks.removeNetwork('first'), { message: /^error while removing network: network first has active endpoints \(name:"roamer" id:"[0-9a-f]{12}"\)$/ });

  const one = await networks.disconnect(wish.containerId, { ...on, network: 'first' });
  assert.deepEqual(addressesIn(one), ['127.0.0.1/8', '10.88.2.2/24']);
  assert.equal(await defaultRoute(one), '10.88.2.1 eth0');
  await eventually(async () => assert.match(await ask(hostAddress, 8088, { from: outside }), /^roamer /));
  await assert.rejects(networks.disconnect(wish.containerId, { ...on, network: 'first' }), { code: 'network.not_connected' });

  const none = await networks.disconnect(wish.containerId, { ...on, network: 'second' });
  assert.deepEqual([Object.keys(none.endpoints), none.ports, addressesIn(none)], [[], {}, ['127.0.0.1/8']]);
  assert.equal(await ask(hostAddress, 8088, { from: outside }), 'ECONNREFUSED');
  const again = await networks.connect(wish.containerId, { ...on, network: 'first', settings: {} });
  assert.deepEqual(Object.keys(again.ports), ['80/tcp']);
  await eventually(async () => assert.match(await ask(hostAddress, 8088, { from: outside }), /^roamer /));
  await networks.destroy(wish.containerId, again);
  // The addresses are free again.
  const next = await networks.create(sandboxRequest('next', { networkMode: 'first', endpointSettings: { IPAMConfig: { IPv4Address: again.endpoints['first']?.address ?? '' } } }));
  assert.equal(next.endpoints['first']?.address, again.endpoints['first']?.address);
});

test('a container on several networks must have an interface on each, and its priority must choose the way out', async () => {
  await networks.createNetwork(networkRequest('left', { subnet: '10.89.1.0/24' }));
  await networks.createNetwork(networkRequest('right', { subnet: '10.89.2.0/24' }));
  const sandbox = await networks.create(sandboxRequest('several', { networkMode: 'left', furtherNetworks: [{ network: 'right', settings: { GwPriority: 5 } }] }));
  assert.deepEqual(addressesIn(sandbox), ['127.0.0.1/8', '10.89.1.2/24', '10.89.2.2/24']);
  assert.equal(await defaultRoute(sandbox), '10.89.2.1 eth1');
});

test('networks must be there with the next engine, bridge and rules included when somebody took them away', async () => {
  const network = await networks.createNetwork(networkRequest('lasting', { subnet: '10.90.0.0/24', Labels: { a: 'b' }, Options: { x: 'y' } }));
  const sandbox = await networks.create(sandboxRequest('lasting-one', { networkMode: 'lasting' }));
  const before = networks.inspect('lasting');
  await succeed('ip', ['link', 'delete', bridgeOf(network)]);
  await succeed('nft', ['delete', 'table', 'ip', 'dhow_dhow0']);
  const next = await nextEngine([{ containerId: sandboxRequest('lasting-one').containerId, containerName: 'lasting-one', sandbox }]);
  assert.deepEqual(next.inspect('lasting'), before);
  const other = await next.create(sandboxRequest('lasting-two', { networkMode: 'lasting' }));
  assert.equal(other.endpoints['lasting']?.address, '10.90.0.3');
  await root.serve(other.namespacePath, 'other', 80);
  assert.equal(await ask('10.90.0.3', 80, { from: sandbox.namespacePath }), 'other 10.90.0.2');
});
