/** Networks that only carry a configuration, those made from one, and what else the creation of networks refuses. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { NetworkController } from '#network/contract.ts';
import type { NetworkCreateRequest } from '#schema/network-views.ts';
import { enterPrivateHost, sandboxRequest, succeed, TestRoot } from './private-host.ts';
import { networkRequest } from './network-request.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;

before(async () => {
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

const addressing = (Subnet: string): Pick<NetworkCreateRequest, 'IPAM'> => ({ IPAM: { Driver: 'default', Options: null, Config: [{ Subnet }] } });

test('a network must be made from a configuration, which stays while it is used', async () => {
  await networks.createNetwork(networkRequest('settings', { ConfigOnly: true, ...addressing('10.91.0.0/24'), Options: { 'com.docker.network.driver.mtu': '1400' }, Labels: { kind: 'test' } }));
  assert.deepEqual([networks.inspect('settings').ConfigOnly, networks.inspect('settings').Driver], [true, 'null']);
  await assert.rejects(networks.create(sandboxRequest('none', { networkMode: 'settings' })), { message: 'failed to set up container networking: cannot create endpoint on configuration-only network' });
  await networks.createNetwork(networkRequest('made', { ConfigFrom: { Network: 'settings' } }));
  const { Options, Labels, ConfigFrom, IPAM } = networks.inspect('made');
  assert.deepEqual({ Options, Labels, ConfigFrom, config: IPAM.Config }, {
    Options: { 'com.docker.network.driver.mtu': '1400' }, Labels: { kind: 'test' }, ConfigFrom: { Network: 'settings' }, config: [{ Subnet: '10.91.0.0/24' }],
  });
  const one = await networks.create(sandboxRequest('one', { networkMode: 'made' }));
  assert.match(await succeed('nsenter', [`--net=${one.namespacePath}`, 'ip', 'address', 'show', 'eth0']), /mtu 1400(.|\n)*10\.91\.0\.2\/24/);
  await networks.destroy(sandboxRequest('one').containerId, one);
  await assert.rejects(networks.removeNetwork('settings'), { message: 'error while removing network: configuration network "settings" is in use' });
  await networks.removeNetwork('made');
  await networks.removeNetwork('settings');
  assert.deepEqual(networks.list({ type: ['custom'] }), []);
});

test('what contradicts a configuration or a scope must be refused with Docker\'s text', async () => {
  await networks.createNetwork(networkRequest('settings', { ConfigOnly: true, ...addressing('10.92.0.0/24') }));
  const from = { ConfigFrom: { Network: 'settings' } };
  const operator = 'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.';
  const specified = 'user specified configurations are not supported if the network depends on a configuration network';
  for (const [wish, message] of [
    [networkRequest('wrong', { ...from, ...addressing('10.93.0.0/24') }), specified],
    [networkRequest('wrong', { ...from, Labels: { a: 'b' } }), specified],
    [networkRequest('wrong', { ...from, EnableIPv6: true }), specified],
    [networkRequest('wrong', { ...from, Options: { a: 'b' } }), 'network driver options are not supported if the network depends on a configuration network'],
    [networkRequest('wrong', { ConfigFrom: { Network: 'absent' } }), 'configuration network "absent" does not exist'],
    [networkRequest('wrong', { ConfigFrom: { Network: 'bridge' } }), 'configuration network "bridge" does not exist'],
    [networkRequest('wrong', { ConfigOnly: true, ...from }), 'a configuration network cannot depend on another configuration network'],
    [networkRequest('wrong', { ConfigOnly: true, Internal: true }), operator],
    [networkRequest('wrong', { ConfigOnly: true, Attachable: true }), operator],
    [networkRequest('wrong', { ConfigOnly: true, Scope: 'local' }), operator],
    [networkRequest('wrong', { Scope: 'swarm' }), 'cannot create a swarm scoped network when swarm is not active'],
    [networkRequest('wrong', { IPAM: { Driver: 'null', Options: null, Config: null } }), 'ipv4 pool is empty'],
  ] as const) {
    await assert.rejects(networks.createNetwork(wish), { message });
  }
  assert.deepEqual(networks.list({ name: ['wrong'] }), []);
  await networks.removeNetwork('settings');
});

test('configurations must be there after the daemon was started again', async () => {
  const first = root.controller('dhow1', { settings: { bip: '10.78.0.1/24' } });
  await first.start([]);
  await first.createNetwork(networkRequest('settings', { ConfigOnly: true, ...addressing('10.94.0.0/24') }));
  await first.createNetwork(networkRequest('global', { Scope: 'global', Options: { 'com.docker.network.container_iface_prefix': 'net' } }));
  await first[Symbol.asyncDispose]();
  const next = root.controller('dhow1', { settings: { bip: '10.78.0.1/24' } });
  await next.start([]);
  await next.createNetwork(networkRequest('made', { ConfigFrom: { Network: 'settings' } }));
  assert.deepEqual(next.inspect('made').IPAM.Config, [{ Subnet: '10.94.0.0/24' }]);
  assert.equal(next.inspect('global').Scope, 'global');
  const one = await next.create(sandboxRequest('one', { networkMode: 'global' }));
  assert.equal(one.endpoints['global']?.containerInterface, 'net0');
  await next.destroy(sandboxRequest('one').containerId, one);
  for (const name of ['made', 'global', 'settings']) await next.removeNetwork(name);
  await next[Symbol.asyncDispose]();
});
