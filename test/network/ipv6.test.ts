/** Networks with IPv6, with packets: addresses, the way out, published ports, names and isolation. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { readSysctl, writeSysctl } from '#kernel/sysctl.ts';
import type { NetworkController, Sandbox } from '#network/contract.ts';
import type { NetworkCreateRequest } from '#schema/network-views.ts';
import { ask, enterPrivateHost, eventually, hostAddress, hostAddress6, outsideAddress6, publishing, sandboxRequest, secondHostAddress6, succeed, TestRoot } from './private-host.ts';
import { networkRequest } from './network-request.ts';

await enterPrivateHost();
const root = new TestRoot();
let outside = '';
let networks: NetworkController;
const mode4 = 'com.docker.network.bridge.gateway_mode_ipv4';
const mode6 = 'com.docker.network.bridge.gateway_mode_ipv6';

before(async () => {
  outside = await root.outside();
  networks = root.controller('six0', { settings: { bip: '10.76.0.1/24' }, engineId: 'an engine' });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

async function create(Name: string, more: Partial<NetworkCreateRequest> = {}): Promise<void> {
  await networks.createNetwork(networkRequest(Name, { Driver: 'bridge', EnableIPv6: true, ...more }));
}

function withSubnets(...subnets: string[]): Partial<NetworkCreateRequest> {
  return { IPAM: { Driver: 'default', Options: null, Config: subnets.map((Subnet) => ({ Subnet })) } };
}

function six(sandbox: Sandbox, network: string): string {
  return sandbox.endpoints[network]?.six?.address ?? '';
}

/** The outside knows no way back: it is one of the host's addresses that it sees. */
async function assertReachesOutside(sandbox: Sandbox): Promise<void> {
  // The link to the outside may have come up just now.
  await eventually(async () => {
    const seen = await ask(outsideAddress6, 7000, { from: sandbox.namespacePath });
    assert.ok([hostAddress6, secondHostAddress6].includes(seen), seen);
  });
}

/** Listens on both families and answers with its name and the asker's address. */
async function serve(sandbox: Sandbox, name: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<void> {
  await root.run(sandbox.namespacePath, String.raw`
import socket, sys
name, port, protocol = sys.argv[1], int(sys.argv[2]), sys.argv[3]
server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if protocol == 'tcp' else socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(('::', port))
if protocol == 'tcp': server.listen()
print('ready', flush=True)
while True:
    if protocol == 'tcp':
        peer, address = server.accept()
        peer.makefile('r').readline()
        peer.sendall(f'{name} {address[0]}\n'.encode())
        peer.close()
    else:
        asked, address = server.recvfrom(65536)
        server.sendto(f'{name} {address[0]}\n'.encode(), address)
`, name, String(port), protocol);
}

test('a network with IPv6 must choose subnets of its own, give addresses in order and lead outside', async () => {
  await create('plain');
  const view = networks.inspect('plain');
  assert.equal(view.EnableIPv6, true);
  const [four, second] = view.IPAM.Config ?? [];
  assert.match(four?.Subnet ?? '', /^172\.\d+\.0\.0\/16$/);
  assert.match(second?.Subnet ?? '', /^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/);
  const sandbox = await networks.create(sandboxRequest('first', { networkMode: 'plain' }));
  const base = (second?.Subnet ?? '').replace('/64', '');
  assert.deepEqual(sandbox.endpoints['plain']?.six, { address: `${base}2`, prefixLength: 64, gateway: `${base}1` });
  const { IPv6Address } = Object.values(networks.inspect('plain').Containers)[0] ?? {};
  assert.equal(IPv6Address, `${base}2/64`);
  await root.run(outside, String.raw`
import socket
server = socket.socket(socket.AF_INET6)
server.bind(('::', 7000)); server.listen()
print('ready', flush=True)
while True:
    peer, address = server.accept()
    peer.sendall(address[0].encode())
    peer.close()
`);
  await assertReachesOutside(sandbox);
});

test('a second subnet must not be the first one\'s, and one without IPv4 have none', async () => {
  await create('only', { EnableIPv4: false });
  const view = networks.inspect('only');
  assert.equal(view.EnableIPv4, false);
  assert.equal(view.IPAM.Config?.length, 1);
  assert.notEqual(view.IPAM.Config?.[0]?.Subnet, networks.inspect('plain').IPAM.Config?.[1]?.Subnet);
  const sandbox = await networks.create(publishing('only', '8510:80'), );
  assert.ok(sandbox.endpoints['bridge']);
  const alone = await networks.create({ ...publishing('alone', '8511:80', '0.0.0.0:8512:81'), networkMode: 'only' });
  assert.equal(alone.endpoints['only']?.address, '');
  assert.deepEqual(alone.ports, { '80/tcp': [{ HostIp: '::', HostPort: '8511' }], '81/tcp': null });
  inNetworkNamespace(alone.namespacePath, () => {
    using routes = new RouteSocket();
    assert.deepEqual(routes.addresses().map(({ address }) => address), ['127.0.0.1']);
  });
});

test('asked addresses must be had once, and only inside the subnets', async () => {
  await create('fixed', withSubnets('10.75.0.0/24', 'fd00:75::/64'));
  const ask6 = (IPv6Address: string): Partial<Parameters<typeof networks.create>[0]> => ({ networkMode: 'fixed', endpointSettings: { IPAMConfig: { IPv6Address } } });
  const first = await networks.create(sandboxRequest('fixed-1', ask6('fd00:75::77')));
  assert.equal(six(first, 'fixed'), 'fd00:75::77');
  await assert.rejects(networks.create(sandboxRequest('fixed-2', ask6('fd00:75::77'))), { message: 'failed to set up container networking: Address already in use' });
  assert.throws(() => networks.validate(sandboxRequest('fixed-3', ask6('fd00:76::1'))), /no configured subnet or ip-range contain the IP address fd00:76::1/);
  await networks.destroy(sandboxRequest('fixed-1').containerId, first);
  const again = await networks.create(sandboxRequest('fixed-2', ask6('fd00:75::77')));
  assert.equal(six(again, 'fixed'), 'fd00:75::77');
});

test('overlaps, several subnets and misplaced gateways must be refused in Docker\'s words', async () => {
  await assert.rejects(create('bad', withSubnets('fd00:75::/96')), { message: 'invalid pool request: Pool overlaps with other one on this address space' });
  await assert.rejects(create('bad', withSubnets('fd00:1::/64', 'fd00:2::/64')), { message: "bridge driver doesn't support multiple subnets" });
  await assert.rejects(create('bad', withSubnets('fd00:1::1/64')), { message: 'invalid network config:\ninvalid subnet fd00:1::1/64: it should be fd00:1::/64' });
  await assert.rejects(create('bad', withSubnets('fd00:1::/128')), { message: 'failed to allocate gateway (): no available addresses on this pool' });
  await assert.rejects(create('bad', { EnableIPv4: false, EnableIPv6: false }), { message: 'IPv4 or IPv6 must be enabled' });
});

test('a published port must answer on both families, and the container see who asks', async () => {
  const sandbox = await networks.create({ ...publishing('dual', '8520:80', '8521:53/udp', '[::1]:8522:80', `[${hostAddress6}]:8523:80`), networkMode: 'plain' });
  await serve(sandbox, 'dual', 80);
  await serve(sandbox, 'dual', 53, 'udp');
  assert.deepEqual(sandbox.ports['80/tcp']?.slice(0, 2), [{ HostIp: '0.0.0.0', HostPort: '8520' }, { HostIp: '::', HostPort: '8520' }]);
  for (const address of ['127.0.0.1', '::1', hostAddress, hostAddress6]) {
    assert.match(await ask(address, 8520), /^dual /, address);
    assert.match(await ask(address, 8521, { protocol: 'udp' }), /^dual /, address);
  }
  assert.equal(await ask(hostAddress6, 8520, { from: outside }), `dual ${outsideAddress6}`);
  assert.equal(await ask(hostAddress6, 8521, { from: outside, protocol: 'udp' }), `dual ${outsideAddress6}`);
  assert.match(await ask('::1', 8522), /^dual /);
  assert.equal(await ask(hostAddress6, 8522), 'ECONNREFUSED');
  assert.equal(await ask(hostAddress6, 8522, { from: outside }), 'ECONNREFUSED');
  assert.equal(await ask(hostAddress6, 8523, { from: outside }), `dual ${outsideAddress6}`);
  // Hairpin: by the host's address to itself.
  assert.match(await ask(hostAddress6, 8520, { from: sandbox.namespacePath }), /^dual /);
  await succeed('nsenter', [`--net=${outside}`, 'ip', '-6', 'route', 'replace', `${six(sandbox, 'plain')}/128`, 'via', hostAddress6]);
  assert.equal(await ask(six(sandbox, 'plain'), 80, { from: outside }), 'timed out');
});

test('networks must not reach one another, internal ones nothing, and containers without icc not each other', async () => {
  await create('other');
  await create('inside', { Internal: true });
  await create('apart', { Options: { 'com.docker.network.bridge.enable_icc': 'false' } });
  const [web, near, far, inner, one, two] = await Promise.all(['plain', 'plain', 'other', 'inside', 'apart', 'apart'].map((networkMode, index) => networks.create(sandboxRequest(`member-${index}`, { networkMode }))));
  assert.ok(web && near && far && inner && one && two);
  await serve(web, 'web', 80);
  await serve(one, 'one', 80);
  assert.equal(await ask(six(web, 'plain'), 80, { from: near.namespacePath }), `web ${six(near, 'plain')}`);
  assert.equal(await ask(six(web, 'plain'), 80, { from: far.namespacePath }), 'timed out');
  assert.equal(await ask(outsideAddress6, 7000, { from: inner.namespacePath }), 'ENETUNREACH');
  assert.equal(inner.endpoints['inside']?.six?.gateway, '');
  await succeed('nsenter', [`--net=${inner.namespacePath}`, 'ip', '-6', 'route', 'add', 'default', 'via', networks.inspect('inside').IPAM.Config?.[1]?.Gateway ?? '']);
  assert.equal(await ask(outsideAddress6, 7000, { from: inner.namespacePath }), 'timed out');
  assert.match(await ask(six(one, 'apart'), 80, { from: two.namespacePath }), /^(timed out|EHOSTUNREACH)$/);
});

test('routed networks must have their published ports open at their own addresses, and no others', async () => {
  await create('routed', { ...withSubnets('10.74.0.0/24', 'fd00:74::/64'), Options: { [mode4]: 'routed', [mode6]: 'routed' } });
  const sandbox = await networks.create({ ...publishing('routed', '8530:80', '127.0.0.1::53/udp'), networkMode: 'routed' });
  assert.deepEqual(sandbox.ports, {
    '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }, { HostIp: '::', HostPort: '' }],
    '53/udp': [{ HostIp: '0.0.0.0', HostPort: '' }],
  });
  await serve(sandbox, 'routed', 80);
  await serve(sandbox, 'routed', 81);
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'route', 'add', '10.74.0.0/24', 'via', hostAddress]);
  await succeed('nsenter', [`--net=${outside}`, 'ip', '-6', 'route', 'add', 'fd00:74::/64', 'via', hostAddress6]);
  const { address = '' } = sandbox.endpoints['routed'] ?? {};
  assert.match(await ask(address, 80, { from: outside }), /^routed /);
  assert.equal(await ask(six(sandbox, 'routed'), 80, { from: outside }), `routed ${outsideAddress6}`);
  assert.equal(await ask(address, 81, { from: outside }), 'timed out');
  assert.equal(await ask(six(sandbox, 'routed'), 81, { from: outside }), 'timed out');
  assert.equal(await ask(hostAddress6, 8530), 'ECONNREFUSED');
  await networks.destroy(sandboxRequest('routed').containerId, sandbox);
  const next = await networks.create(sandboxRequest('next', { networkMode: 'routed' }));
  await serve(next, 'next', 80);
  assert.equal(await ask(six(next, 'routed'), 80, { from: outside }), 'timed out');
});

test('unprotected networks must be open to the outside, but not to other networks; isolated ones have no gateway', async () => {
  await create('open', { ...withSubnets('10.73.0.0/24', 'fd00:73::/64'), Options: { [mode4]: 'nat-unprotected', [mode6]: 'nat-unprotected' } });
  const sandbox = await networks.create(sandboxRequest('open', { networkMode: 'open' }));
  await serve(sandbox, 'open', 80);
  await succeed('nsenter', [`--net=${outside}`, 'ip', '-6', 'route', 'add', 'fd00:73::/64', 'via', hostAddress6]);
  assert.equal(await ask(six(sandbox, 'open'), 80, { from: outside }), `open ${outsideAddress6}`);
  const other = await networks.create(sandboxRequest('prober', { networkMode: 'plain' }));
  assert.equal(await ask(six(sandbox, 'open'), 80, { from: other.namespacePath }), 'timed out');
  await assert.rejects(create('cell', { Options: { [mode6]: 'isolated' } }), { message: "gateway mode 'isolated' can only be used for an internal network" });
  await create('cell', { Internal: true, Options: { [mode4]: 'isolated', [mode6]: 'isolated' } });
  assert.deepEqual(networks.inspect('cell').IPAM.Config?.map(({ Gateway }) => Gateway), [undefined, undefined]);
  const cell = await networks.create(sandboxRequest('cell', { networkMode: 'cell' }));
  assert.match(six(cell, 'cell'), /::1$/);
});

test('a running container must gain and lose IPv6 with its networks', async () => {
  const request = publishing('mover', '8540:80');
  const sandbox = await networks.create(request);
  const joined = await networks.connect(request.containerId, { ...request, network: 'plain', settings: { GwPriority: 5 } });
  assert.notEqual(six(joined, 'plain'), '');
  await assertReachesOutside(sandbox);
  await serve(sandbox, 'mover', 80);
  assert.equal(await ask(hostAddress6, 8540, { from: outside }), `mover ${outsideAddress6}`);
  await networks.disconnect(request.containerId, { ...request, network: 'plain' });
  assert.equal(await ask(outsideAddress6, 7000, { from: sandbox.namespacePath }), 'ENETUNREACH');
  assert.match(await ask(hostAddress6, 8540, { from: outside }), /^mover (::ffff:)?10\.76\.0\.1$/);
});

test('the next engine must go on with addresses and ports', async () => {
  const sandbox = await networks.create({ ...publishing('kept', '8550:80'), networkMode: 'plain' });
  await serve(sandbox, 'kept', 80);
  const live = [{ containerId: sandboxRequest('kept').containerId, containerName: 'kept', sandbox }];
  await networks[Symbol.asyncDispose]();
  assert.equal(await ask(hostAddress6, 8550, { from: outside }), `kept ${outsideAddress6}`);
  networks = root.controller('six0', { settings: { bip: '10.76.0.1/24' }, engineId: 'an engine' });
  await networks.start(live);
  assert.equal(await ask(hostAddress6, 8550, { from: outside }), `kept ${outsideAddress6}`);
  const other = await networks.create(sandboxRequest('beside', { networkMode: 'plain' }));
  assert.notEqual(six(other, 'plain'), six(sandbox, 'plain'));
});

test('rules that somebody flushed must be back by themselves, in both families, and the administrator\'s be obeyed and kept', async () => {
  const sandbox = await networks.create({ ...publishing('flushed', '8560:80'), networkMode: 'plain' });
  await serve(sandbox, 'flushed', 80);
  // Relays would do, too, but hide who asks.
  const translated = /^flushed (::ffff:198\.18\.0\.2|fd00:18::2)$/;
  const answers = async (expected: RegExp): Promise<void> => {
    for (const address of [hostAddress, hostAddress6]) await eventually(async () => assert.match(await ask(address, 8560, { from: outside }), expected, address), 20_000);
  };
  await answers(translated);
  await succeed('nft', ['flush', 'ruleset']);
  await answers(translated);
  await succeed('nft', ['flush', 'table', 'ip6', 'dhow_six0']);
  await answers(translated);
  await succeed('nft', ['add rule ip dhow_six0 admin tcp dport 80 drop; add rule ip6 dhow_six0 admin tcp dport 80 drop']);
  await answers(/^timed out$/);
  // Everything is loaded again around them.
  await succeed('nft', ['flush chain ip dhow_six0 forward; flush chain ip6 dhow_six0 forward']);
  await answers(/^timed out$/);
  assert.match(await succeed('nft', ['list', 'chain', 'ip6', 'dhow_six0', 'admin']), /tcp dport 80 drop/);
  await succeed('nft', ['flush chain ip dhow_six0 admin; flush chain ip6 dhow_six0 admin']);
  await answers(translated);
});

test('the default bridge must have IPv6 when configured, and the host its router advertisements', async (t) => {
  writeSysctl('net/ipv6/conf/all/forwarding', '0');
  writeSysctl('net/ipv6/conf/wan0/accept_ra', '1');
  const engine = root.controller('six1', { settings: { bip: '10.79.0.1/24', six: true, fixedRange6: 'fd00:79::/64' } });
  t.after(() => engine[Symbol.asyncDispose]());
  await engine.start([]);
  assert.equal(readSysctl('net/ipv6/conf/all/forwarding'), '1');
  assert.equal(readSysctl('net/ipv6/conf/wan0/accept_ra'), '2');
  assert.equal(readSysctl('net/ipv6/conf/six1/accept_ra'), '0');
  const sandbox = await engine.create(sandboxRequest('on-default'));
  assert.deepEqual(sandbox.endpoints['bridge']?.six, { address: 'fd00:79::2', prefixLength: 64, gateway: 'fd00:79::1' });
  await assertReachesOutside(sandbox);
});
