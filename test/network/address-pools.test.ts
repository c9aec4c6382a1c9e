/** Pools of subnets that run out: nothing of the network that gets none is left, and what is given back is given again. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { NetworkController } from '#network/contract.ts';
import { networkRequest, type NetworkWish } from './network-request.ts';
import { enterPrivateHost, sandboxRequest, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;

before(async () => {
  const pools = [{ base: '10.99.0.0/24', prefixLength: 25 }, { base: 'fd99::/63', prefixLength: 64 }];
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24', pools } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

const subnetsOf = (name: string): (string | undefined)[] => (networks.inspect(name).IPAM.Config ?? []).map(({ Subnet }) => Subnet);

/** Everything that a network is made of. */
async function traces(): Promise<unknown[]> {
  using routes = new RouteSocket();
  const rules = await Promise.all(['ip', 'ip6'].map((family) => succeed('nft', ['list', 'table', family, 'dhow_dhow0'])));
  return [routes.links().map(({ name }) => name), routes.addresses().map(({ address }) => address), rules, networks.list({}).map(({ Id }) => Id)];
}

async function refused(wish: NetworkWish): Promise<void> {
  const before = await traces();
  await assert.rejects(networks.createNetwork(networkRequest('too-many', wish)), { code: 'network.no_subnet', message: 'all predefined address pools have been fully subnetted' });
  assert.deepEqual(await traces(), before);
}

test('a network that finds the pools used up must be refused in Docker\'s words and leave nothing behind', async () => {
  await networks.createNetwork(networkRequest('six', { EnableIPv4: false, EnableIPv6: true }));
  await networks.createNetwork(networkRequest('first', { EnableIPv6: true }));
  await networks.createNetwork(networkRequest('second'));
  assert.deepEqual([subnetsOf('six'), subnetsOf('first'), subnetsOf('second')], [['fd99::/64'], ['10.99.0.0/25', 'fd99:0:0:1::/64'], ['10.99.0.128/25']]);
  await refused({});
  await refused({ EnableIPv6: true });
  // Of one family there would be enough.
  await networks.removeNetwork('second');
  await refused({ EnableIPv6: true });
  await networks.removeNetwork('first');
  await networks.createNetwork(networkRequest('again', { EnableIPv6: true }));
  assert.deepEqual(subnetsOf('again'), ['10.99.0.0/25', 'fd99:0:0:1::/64']);
  // Who names a subnet needs no pool.
  await networks.createNetwork(networkRequest('third'));
  await networks.createNetwork(networkRequest('named', { subnet: '10.100.0.0/24' }));
  for (const name of ['six', 'again', 'third', 'named']) await networks.removeNetwork(name);
});

test('a container that finds the addresses used up must be refused in Docker\'s words and leave nothing behind', async () => {
  await networks.createNetwork(networkRequest('narrow', { subnet: '10.101.0.0/30' }));
  const only = await networks.create(sandboxRequest('only', { networkMode: 'narrow' }));
  assert.equal(only.endpoints['narrow']?.address, '10.101.0.2');
  const before = await traces();
  await assert.rejects(networks.create(sandboxRequest('late', { networkMode: 'narrow' })), {
    message: `failed to set up container networking: no available IPv4 addresses on this network's address pools: narrow (${networks.inspect('narrow').Id})`,
  });
  assert.deepEqual(await traces(), before);
  await networks.destroy(sandboxRequest('only').containerId, only);
  const late = await networks.create(sandboxRequest('late', { networkMode: 'narrow' }));
  assert.equal(late.endpoints['narrow']?.address, '10.101.0.2');
});
