/** Containers' networks: what is inside them, what `inspect` tells of them, and engines side by side. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { readSysctl, writeSysctl } from '#kernel/sysctl.ts';
import { createNetworkController } from '#network/network-controller.ts';
import type { NetworkController, Sandbox } from '#network/contract.ts';
import { StateDatabase } from '#store/state-database.ts';
import { ask, enterPrivateHost, eventually, hostAddress, outsideAddress, publishing, sandboxRequest, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let outside = '';
let networks: NetworkController;

before(async () => {
  outside = await root.outside();
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

/** Links and addresses as the kernel has them in a namespace: `eth0 up 1500 aa:bb:…`, then `172.17.0.2/16`. Tunnel devices that some kernels put into every namespace are left out. */
function inside(sandbox: Sandbox): { links: string[]; addresses: string[] } {
  return inNetworkNamespace(sandbox.namespacePath, () => {
    using routes = new RouteSocket();
    return {
      links: routes.links().filter(({ kind }) => kind === '' || kind === 'veth').map(({ name, up, mtu, macAddress }) => `${name} ${up ? 'up' : 'down'} ${mtu} ${macAddress}`),
      addresses: routes.addresses().map(({ address, prefixLength }) => `${address}/${prefixLength}`),
    };
  });
}

test('a container on the bridge must have eth0 with address, hardware address and default route', async () => {
  const sandbox = await networks.create(sandboxRequest('plain'));
  const endpoint = sandbox.endpoints['bridge'];
  assert.ok(endpoint !== undefined);
  assert.match(sandbox.id, /^[0-9a-f]{64}$/);
  assert.equal(sandbox.namespacePath, join(root.path, 'dhow0', 'netns', sandbox.id.slice(0, 12)));
  assert.deepEqual([endpoint.address, endpoint.prefixLength, endpoint.gateway, endpoint.driver], ['10.77.0.2', 24, '10.77.0.1', 'bridge']);
  assert.match(endpoint.macAddress, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  assert.deepEqual(inside(sandbox), { links: ['lo up 65536 00:00:00:00:00:00', `eth0 up 1500 ${endpoint.macAddress}`], addresses: ['127.0.0.1/8', '10.77.0.2/24'] });
  const routes = await succeed('nsenter', [`--net=${sandbox.namespacePath}`, 'ip', 'route']);
  assert.match(routes, /^default via 10\.77\.0\.1 dev eth0/m);
  assert.match(await succeed('nsenter', [`--net=${sandbox.namespacePath}`, 'ip', '-4', 'address', 'show', 'eth0']), /brd 10\.77\.0\.255/);
  assert.equal(inNetworkNamespace(sandbox.namespacePath, () => readSysctl('net/ipv6/conf/eth0/disable_ipv6')), '1');
  assert.deepEqual(sandbox.ports, {});
});

test('a container must reach the outside by the host\'s address', async () => {
  const sandbox = await networks.create(sandboxRequest('traveller'));
  await root.serve(outside, 'outside', 9000);
  await root.serve(outside, 'outside', 9000, 'udp');
  assert.equal(await ask(outsideAddress, 9000, { from: sandbox.namespacePath }), `outside ${hostAddress}`);
  assert.equal(await ask(outsideAddress, 9000, { from: sandbox.namespacePath, protocol: 'udp' }), `outside ${hostAddress}`);
});

test('a hardware address that is asked for must be had, in the usual form', async () => {
  const sandbox = await networks.create(sandboxRequest('marked', { macAddress: '92-D0-C6-0A-29-33' }));
  assert.equal(sandbox.endpoints['bridge']?.macAddress, '92:d0:c6:0a:29:33');
  assert.ok(inside(sandbox).links.includes('eth0 up 1500 92:d0:c6:0a:29:33'));
});

test('network sysctls must be set in the container and not on the host', async () => {
  const before = readSysctl('net.ipv4.ip_unprivileged_port_start');
  const sandbox = await networks.create(sandboxRequest('tuned', { sysctls: { 'net.ipv4.ip_unprivileged_port_start': '7', 'kernel.shmmax': '4096' } }));
  assert.equal(inNetworkNamespace(sandbox.namespacePath, () => readSysctl('net.ipv4.ip_unprivileged_port_start')), '7');
  assert.equal(readSysctl('net.ipv4.ip_unprivileged_port_start'), before);
});

test('network none must be a namespace with nothing but a working loopback', async () => {
  const sandbox = await networks.create({ ...publishing('alone', '8080:80'), networkMode: 'none' });
  assert.deepEqual(inside(sandbox), { links: ['lo up 65536 00:00:00:00:00:00'], addresses: ['127.0.0.1/8'] });
  assert.deepEqual(sandbox.ports, {});
  const { id, networkId, ...rest } = sandbox.endpoints['none'] ?? {};
  assert.match(String(id), /^[0-9a-f]{64}$/);
  assert.equal(networkId, networks.inspect('none').Id);
  assert.deepEqual(rest, { driver: 'null', address: '', prefixLength: 0, gateway: '', macAddress: '', hostInterface: '' });
});

test('network host must be the daemon\'s own, also after such a container is gone', async () => {
  const request = sandboxRequest('guest', { networkMode: 'host', exposedPorts: ['80/tcp'] });
  const sandbox = await networks.create(request);
  assert.equal(sandbox.namespacePath, join(root.path, 'dhow0', 'netns', 'default'));
  const namespace = (): string => inNetworkNamespace(sandbox.namespacePath, () => readlinkSync('/proc/thread-self/ns/net'));
  assert.equal(namespace(), readlinkSync('/proc/self/ns/net'));
  assert.deepEqual(sandbox.ports, {});
  assert.deepEqual(Object.keys(sandbox.endpoints), ['host']);
  await networks.destroy(request.containerId, sandbox);
  assert.equal(namespace(), readlinkSync('/proc/self/ns/net'));
});

test('the next container must get a freed address at once and be reached there by host and neighbours', async () => {
  const neighbour = await networks.create(sandboxRequest('neighbour'));
  const request = sandboxRequest('old');
  const old = await networks.create(request);
  await root.serve(old.namespacePath, 'old', 80);
  const address = old.endpoints['bridge']?.address ?? '';
  // Both now know the old container's hardware address.
  assert.match(await ask(address, 80), /^old /);
  assert.match(await ask(address, 80, { from: neighbour.namespacePath }), /^old /);
  await networks.destroy(request.containerId, old);
  const next = await networks.create(sandboxRequest('new'));
  assert.equal(next.endpoints['bridge']?.address, address);
  await root.serve(next.namespacePath, 'new', 80);
  assert.match(await ask(address, 80), /^new /);
  assert.match(await ask(address, 80, { from: neighbour.namespacePath }), /^new /);
});

test('what a container had must be gone after destroy, and destroying again must not hurt the next', async () => {
  const request = sandboxRequest('gone');
  const sandbox = await networks.create(request);
  await networks.destroy(request.containerId, sandbox);
  await networks.destroy(request.containerId, sandbox);
  assert.ok(!readdirSync(join(root.path, 'dhow0', 'netns')).includes(sandbox.id.slice(0, 12)));
  await eventually(() => {
    using routes = new RouteSocket();
    assert.equal(routes.link(sandbox.endpoints['bridge']?.hostInterface ?? ''), undefined);
  });
  const next = await networks.create(request);
  assert.equal(next.endpoints['bridge']?.address, sandbox.endpoints['bridge']?.address);
  await networks.destroy(request.containerId, sandbox);
  assert.equal(networks.inspect('bridge').Containers[request.containerId]?.EndpointID, next.endpoints['bridge']?.id);
  const other = await networks.create(sandboxRequest('other'));
  assert.notEqual(other.endpoints['bridge']?.address, next.endpoints['bridge']?.address);
});

test('inspect must tell Docker\'s values and the live containers, list must not tell containers', async () => {
  const request = sandboxRequest('shown');
  const sandbox = await networks.create(request);
  const endpoint = sandbox.endpoints['bridge'];
  const { Id, Created, Containers, ...rest } = networks.inspect('bridge');
  assert.match(Id, /^[0-9a-f]{64}$/);
  assert.match(Created, /^\d{4}-.*Z$/);
  assert.deepEqual(rest, {
    Name: 'bridge',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.77.0.0/24', Gateway: '10.77.0.1' }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': 'dhow0',
      'com.docker.network.driver.mtu': '1500',
    },
    Labels: {},
  });
  assert.deepEqual(Containers[request.containerId], { Name: 'shown', EndpointID: endpoint?.id, MacAddress: endpoint?.macAddress, IPv4Address: `${endpoint?.address}/24`, IPv6Address: '' });
  networks.rename(request.containerId, 'other-name');
  assert.equal(networks.inspect(Id).Containers[request.containerId]?.Name, 'other-name');
  assert.equal(networks.inspect(Id.slice(0, 20)).Name, 'bridge');
  assert.deepEqual(networks.list({}).map(({ Name, Driver, Containers: listed }) => [Name, Driver, listed]), [['bridge', 'bridge', {}], ['host', 'host', {}], ['none', 'null', {}]]);
  assert.throws(() => networks.inspect('nowhere'), (error) => isFailure(error, 'network.not_found') && error.message === 'network nowhere not found');
});

test('engines side by side must have different subnets and not touch each other\'s tables, ports and namespaces', async () => {
  await using one = root.controller('side1');
  await using two = root.controller('side2');
  await Promise.all([one.start([]), two.start([])]);
  const request = publishing('twin', '8200:80');
  const first = await one.create(request);
  await root.serve(first.namespacePath, 'one', 80);
  const second = await two.create(publishing('twin', '8201:80'));
  await root.serve(second.namespacePath, 'two', 80);
  assert.notEqual(one.inspect('bridge').IPAM.Config?.[0]?.Subnet, two.inspect('bridge').IPAM.Config?.[0]?.Subnet);
  await assert.rejects(two.create(publishing('third', '8200:80')), /address already in use$/);
  // The second starts anew with nothing alive: what it then removes is its own.
  await two[Symbol.asyncDispose]();
  await using again = root.controller('side2');
  await again.start([]);
  assert.match(await ask('127.0.0.1', 8200), /^one /);
  assert.match(await ask(hostAddress, 8200, { from: outside }), /^one /);
  assert.equal(await ask('127.0.0.1', 8201), 'ECONNREFUSED');
  // Between engines there is no way but published ports.
  const third = await again.create(sandboxRequest('third'));
  assert.equal(await ask(first.endpoints['bridge']?.address ?? '', 80, { from: third.namespacePath }), 'timed out');
  assert.match(await ask(hostAddress, 8200, { from: third.namespacePath }), /^one /);
});

test('an interface that is no bridge must not be taken for one', async () => {
  await using controller = root.controller('wan0');
  await assert.rejects(controller.start([]), (error) => isFailure(error, 'network.not_a_bridge'));
});

test('a bridge name that is none must be refused', () => {
  using database = new StateDatabase(join(root.path, 'name.db'));
  for (const bridgeName of ['', 'a/b', 'sixteen-letters-', '"; drop', '-x']) {
    assert.throws(() => createNetworkController({ database, executionRoot: root.path, bridgeName }), (error) => isFailure(error, 'network.invalid_bridge_name'), bridgeName);
  }
});

test('a chain of others that drops forwarded packets must be told, and be left as it is', async () => {
  await succeed('nft', ['add table ip others; add chain ip others forwarding { type filter hook forward priority 0; policy drop; }']);
  const warnings: string[] = [];
  await using controller = root.controller('warned', { warn: (message) => warnings.push(message) });
  await controller.start([]);
  const listed = await succeed('nft', ['list', 'table', 'ip', 'others']);
  await succeed('nft', ['delete', 'table', 'ip', 'others']);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /chain forwarding of nftables table others/);
  assert.match(listed, /policy drop/);
});

test('on a host without IPv6 ports must be published by IPv4 alone', async (t) => {
  const setting = 'net.ipv6.conf.lo.disable_ipv6';
  writeSysctl(setting, '1');
  t.after(() => writeSysctl(setting, '0'));
  await using controller = root.controller('four');
  await controller.start([]);
  const sandbox = await controller.create(publishing('four', '8300:80'));
  assert.deepEqual(sandbox.ports, { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8300' }] });
  await root.serve(sandbox.namespacePath, 'four', 80);
  assert.match(await ask('127.0.0.1', 8300), /^four /);
});
