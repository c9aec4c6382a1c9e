/** Networks of macvlan and ipvlan interfaces on a parent of the host's, behind which another machine is. Kinds that the kernel lacks must be refused as by Docker. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { runProgram } from '#kernel/run-program.ts';
import type { NetworkController, Sandbox } from '#network/contract.ts';
import type { NetworkAddressing, NetworkCreateRequest } from '#schema/network-views.ts';
import { ask, enterPrivateHost, outsideAddress, outsideAddress6, publishing, sandboxRequest, succeed, TestRoot } from './private-host.ts';
import { networkRequest } from './network-request.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;
let outside = '';
const kernelHas = { macvlan: false, ipvlan: false, dummy: false, vlan: false };

before(async () => {
  outside = await root.outside();
  for (const kind of ['macvlan', 'ipvlan', 'vlan', 'dummy'] as const) {
    const parent = kind === 'dummy' ? [] : ['link', 'wan0'];
    const made = await runProgram('ip', ['link', 'add', ...parent, 'name', 'probe0', 'type', kind, ...(kind === 'vlan' ? ['id', '9'] : [])]);
    kernelHas[kind] = made.exitCode === 0;
    if (kernelHas[kind]) await succeed('ip', ['link', 'delete', 'probe0']);
  }
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

function request(Name: string, Driver: string, Options: Record<string, string>, Config: NetworkAddressing[], more: Partial<NetworkCreateRequest> = {}): NetworkCreateRequest {
  return networkRequest(Name, { Driver, Options, IPAM: { Driver: 'default', Options: null, Config }, ...more });
}

const linkNames = (): string[] => {
  using routes = new RouteSocket();
  return routes.links().map(({ name }) => name).sort();
};
const linksIn = (sandbox: Sandbox): Record<string, string> => inNetworkNamespace(sandbox.namespacePath, () => {
  using routes = new RouteSocket();
  return Object.fromEntries(routes.links().map(({ name, kind }) => [name, kind]));
});
const inside = (sandbox: Sandbox, ...command: string[]): Promise<string> => succeed('nsenter', [`--net=${sandbox.namespacePath}`, ...command]);
/** As the outside's own network, so that its machine answers. */
const wanAddressing = (more: NetworkAddressing = {}): NetworkAddressing[] => [{ Subnet: '198.18.0.0/24', Gateway: '198.18.0.254', IPRange: '198.18.0.128/25', ...more }];

async function remove(network: string, ...containers: readonly [string, Sandbox][]): Promise<void> {
  for (const [name, sandbox] of containers) await networks.destroy(sandboxRequest(name).containerId, sandbox);
  await networks.removeNetwork(network);
}

test('macvlan containers must reach each other and the machines behind the parent with their own addresses', async () => {
  if (!kernelHas.macvlan) {
    await networks.createNetwork(request('lan', 'macvlan', { parent: 'wan0' }, wanAddressing()));
    await assert.rejects(networks.create(sandboxRequest('one', { networkMode: 'lan' })), { message: 'failed to set up container networking: failed to create the macvlan port: operation not supported' });
    await remove('lan');
    return;
  }
  const before = linkNames();
  await networks.createNetwork(request('lan', 'macvlan', { parent: 'wan0' }, wanAddressing()));
  const one = await networks.create({ ...publishing('one', '18080:80'), networkMode: 'lan', endpointSettings: { IPAMConfig: { IPv4Address: '198.18.0.77' }, MacAddress: '02:42:00:00:00:77' } });
  const two = await networks.create(sandboxRequest('two', { networkMode: 'lan' }));
  assert.deepEqual(one.ports, {}, 'nothing is published: the container is on the network itself');
  assert.deepEqual([one.endpoints['lan']?.address, two.endpoints['lan']?.address], ['198.18.0.77', '198.18.0.128']);
  assert.equal(linksIn(one)['eth0'], 'macvlan');
  assert.match(await inside(one, 'ip', 'link', 'show', 'eth0'), /02:42:00:00:00:77/);
  assert.match(await inside(one, 'ip', 'route'), /default via 198\.18\.0\.254 dev eth0/);
  await root.serve(one.namespacePath, 'one', 80);
  await root.serve(outside, 'outside', 81);
  assert.equal(await ask('198.18.0.77', 80, { from: two.namespacePath }), 'one 198.18.0.128');
  assert.equal(await ask('198.18.0.77', 80, { from: outside }), `one ${outsideAddress}`);
  assert.equal(await ask(outsideAddress, 81, { from: two.namespacePath }), 'outside 198.18.0.128');
  assert.deepEqual(linkNames(), before);
  await assert.rejects(networks.removeNetwork('lan'), { code: 'network.in_use' });
  await remove('lan', ['one', one], ['two', two]);
  assert.deepEqual(linkNames(), before);
});

test('a macvlan interface must come and go while its container runs, and can be had again at once with its hardware address', async () => {
  await networks.createNetwork(request('live', 'macvlan', { parent: 'wan0' }, wanAddressing()));
  const sandbox = await networks.create(sandboxRequest('mover', { networkMode: 'bridge' }));
  const { containerId } = sandboxRequest('mover');
  const wish = { ...sandboxRequest('mover'), network: 'live', settings: { MacAddress: '02:42:00:00:00:55' } };
  if (kernelHas.macvlan) {
    for (let round = 0; round < 3; round++) {
      const connected = await networks.connect(containerId, wish);
      assert.equal(linksIn(connected)['eth1'], 'macvlan');
      const left = await networks.disconnect(containerId, wish);
      assert.equal(linksIn(left)['eth1'], undefined);
    }
    for (let round = 0; round < 3; round++) {
      const again = await networks.create(sandboxRequest('again', { networkMode: 'live', endpointSettings: { MacAddress: '02:42:00:00:00:55' } }));
      await networks.destroy(sandboxRequest('again').containerId, again);
    }
  } else {
    await assert.rejects(networks.connect(containerId, wish), { message: 'failed to create the macvlan port: operation not supported' });
  }
  await remove('live', ['mover', sandbox]);
});

test('private macvlan containers must not reach each other, and one of mode passthru must have the parent for itself', async () => {
  await networks.createNetwork(request('private', 'macvlan', { parent: 'wan0', macvlan_mode: 'private' }, wanAddressing()));
  await assert.rejects(networks.createNetwork(request('through', 'macvlan', { parent: 'wan0', macvlan_mode: 'passthru' }, [{ Subnet: '198.19.0.0/24' }])), /^EngineError: cannot use mode passthru, macvlan network [0-9a-f]{64} is already using parent interface wan0$/);
  if (kernelHas.macvlan) {
    const one = await networks.create(sandboxRequest('one', { networkMode: 'private' }));
    const two = await networks.create(sandboxRequest('two', { networkMode: 'private' }));
    await root.serve(one.namespacePath, 'one', 80);
    assert.notEqual(await ask(one.endpoints['private']?.address ?? '', 80, { from: two.namespacePath }), `one ${two.endpoints['private']?.address}`);
    assert.equal(await ask(one.endpoints['private']?.address ?? '', 80, { from: outside }), `one ${outsideAddress}`);
    await networks.destroy(sandboxRequest('one').containerId, one);
    await networks.destroy(sandboxRequest('two').containerId, two);
  }
  await remove('private');
  await succeed('ip', ['link', 'add', 'spare0', 'type', 'veth', 'peer', 'name', 'spare1']);
  await networks.createNetwork(request('through', 'macvlan', { parent: 'spare0', macvlan_mode: 'passthru' }, [{ Subnet: '198.19.0.0/24' }]));
  await assert.rejects(networks.createNetwork(request('beside', 'macvlan', { parent: 'spare0' }, [{ Subnet: '198.19.1.0/24' }])), /^EngineError: macvlan network [0-9a-f]{64} is already using parent interface spare0 in mode passthru$/);
  if (kernelHas.macvlan) {
    const alone = await networks.create(sandboxRequest('alone', { networkMode: 'through' }));
    assert.match(await inside(alone, 'ip', '-d', 'link', 'show', 'eth0'), new RegExp(`${alone.endpoints['through']?.macAddress}(.|\n)*macvlan mode passthru`));
    await assert.rejects(networks.create(sandboxRequest('second', { networkMode: 'through' })), { message: 'failed to set up container networking: failed to create the macvlan port: invalid argument' });
    await networks.destroy(sandboxRequest('alone').containerId, alone);
  }
  await remove('through');
  await succeed('ip', ['link', 'delete', 'spare0']);
});

test('an internal network must have no way out and give the first address to a container', async () => {
  await networks.createNetwork(request('closed', 'macvlan', { parent: 'wan0' }, [{ Subnet: '198.18.9.0/24' }], { Internal: true }));
  if (kernelHas.macvlan) {
    const one = await networks.create(sandboxRequest('one', { networkMode: 'closed' }));
    assert.equal(one.endpoints['closed']?.address, '198.18.9.1');
    assert.equal((await inside(one, 'ip', 'route')).trim(), '198.18.9.0/24 dev eth0 proto kernel scope link src 198.18.9.1');
    await networks.destroy(sandboxRequest('one').containerId, one);
  }
  await remove('closed');
});

test('addresses must come from the subnet that has them, with its own gateway', async () => {
  await networks.createNetwork(request('several', 'macvlan', { parent: 'wan0' }, [{ Subnet: '198.18.10.0/24' }, { Subnet: '198.18.11.0/24', Gateway: '198.18.11.254' }]));
  if (kernelHas.macvlan) {
    const one = await networks.create(sandboxRequest('one', { networkMode: 'several', endpointSettings: { IPAMConfig: { IPv4Address: '198.18.11.9' } } }));
    assert.deepEqual([one.endpoints['several']?.address, one.endpoints['several']?.gateway], ['198.18.11.9', '198.18.11.254']);
    await networks.destroy(sandboxRequest('one').containerId, one);
  }
  await remove('several');
});

test('a parent that is not there must be made as a dummy or an 802.1q interface, shared, and removed with its last network', async () => {
  const before = linkNames();
  const dummy = networks.createNetwork(request('nowhere', 'macvlan', {}, [{ Subnet: '198.18.12.0/24' }]));
  if (kernelHas.dummy) {
    const { id } = await dummy;
    assert.ok(linkNames().includes(`dm-${id.slice(0, 12)}`));
    await remove('nowhere');
  } else {
    await assert.rejects(dummy, { message: 'operation not supported' });
  }
  assert.deepEqual(linkNames(), before);
  const first = networks.createNetwork(request('tagged', 'macvlan', { parent: 'wan0.10' }, [{ Subnet: '198.18.13.0/24' }]));
  if (kernelHas.vlan) {
    await first;
    await networks.createNetwork(request('second', 'macvlan', { parent: 'wan0.10' }, [{ Subnet: '198.18.14.0/24' }]));
    assert.match(await succeed('ip', ['-d', 'link', 'show', 'wan0.10']), /UP.*(.|\n)*vlan protocol 802\.1Q id 10/);
    await remove('tagged');
    assert.ok(linkNames().includes('wan0.10'));
    await remove('second');
  } else {
    await assert.rejects(first, { message: 'failed to create wan0.10 vlan link: operation not supported' });
  }
  assert.deepEqual(linkNames(), before);
  assert.deepEqual(networks.list({ driver: ['macvlan', 'ipvlan'] }), []);
});

test('what a parent or mode cannot be must be refused with Docker\'s text and leave nothing', async () => {
  const before = linkNames();
  for (const [driver, options, message] of [
    ['macvlan', { parent: 'lo' }, 'loopback interface is not a valid macvlan parent link'],
    ['macvlan', { parent: 'wan0', macvlan_mode: 'foo' }, 'requested macvlan mode \'foo\' is not valid, \'bridge\' mode is the macvlan driver default'],
    ['macvlan', { parent: 'absent0' }, 'invalid subinterface vlan name absent0, example formatting is eth0.10'],
    ['macvlan', { parent: 'absent0.10' }, '-o parent interface was not found on the host: absent0'],
    ['macvlan', { parent: 'wan0.5000' }, 'vlan id must be between 1-4094, received: 5000'],
    ['macvlan', { parent: 'wan0.abc' }, 'unable to parse a valid vlan id from: abc (ex. eth0.10 for vlan 10)'],
    ['macvlan', { parent: 'wan0.1.1' }, 'required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received wan0.1.1'],
    ['ipvlan', { parent: 'wan0', ipvlan_mode: 'foo' }, 'requested ipvlan mode \'foo\' is not valid, \'l2\' mode is the ipvlan driver default'],
    ['ipvlan', { parent: 'wan0', ipvlan_flag: 'foo' }, 'requested ipvlan flag \'foo\' is not valid, \'bridge\' is the ipvlan driver default'],
  ] as const) {
    await assert.rejects(networks.createNetwork(request('wrong', driver, { ...options }, [{ Subnet: '198.18.15.0/24' }])), { message });
  }
  assert.deepEqual(networks.list({ name: ['wrong'] }), []);
  assert.deepEqual(linkNames(), before);
});

test('ipvlan containers must reach each other in every mode, and have no hardware address of their own', async () => {
  for (const mode of ['l2', 'l3', 'l3s'] as const) {
    await networks.createNetwork(request('flat', 'ipvlan', { parent: 'wan0', ipvlan_mode: mode }, wanAddressing()));
    await assert.rejects(networks.createNetwork(request('twin', 'ipvlan', { parent: 'wan0' }, [{ Subnet: '198.18.16.0/24' }])), /^EngineError: network di-[0-9a-f]{12} is already using parent interface wan0$/);
    await assert.rejects(networks.create(sandboxRequest('one', { networkMode: 'flat', endpointSettings: { MacAddress: '02:42:00:00:00:01' } })), {
      message: 'failed to set up container networking: failed to create endpoint one on network flat: ipvlan interfaces do not support custom mac address assignment',
    });
    const starting = networks.create(sandboxRequest('one', { networkMode: 'flat' }));
    if (kernelHas.ipvlan) {
      const one = await starting;
      const two = await networks.create(sandboxRequest('two', { networkMode: 'flat' }));
      assert.equal(one.endpoints['flat']?.macAddress, '');
      assert.match(await inside(one, 'ip', 'route'), mode === 'l2' ? /default via 198\.18\.0\.254 dev eth0/ : /default dev eth0 scope link/);
      await root.serve(one.namespacePath, 'one', 80);
      assert.equal(await ask(one.endpoints['flat']?.address ?? '', 80, { from: two.namespacePath }), `one ${two.endpoints['flat']?.address}`);
      await networks.destroy(sandboxRequest('one').containerId, one);
      await networks.destroy(sandboxRequest('two').containerId, two);
    } else {
      await assert.rejects(starting, { message: 'failed to set up container networking: failed to create the ipvlan port: operation not supported' });
    }
    await remove('flat');
  }
});

test('IPv6 must reach the containers of every kind as IPv4 does, with a gateway or, where the host routes, without', async () => {
  const six = [...wanAddressing(), { Subnet: 'fd00:18::/64', Gateway: 'fd00:18::fe', IPRange: 'fd00:18::100/120' }];
  for (const [kind, options, way] of [
    ['macvlan', {}, /default via fd00:18::fe dev eth0/],
    ['ipvlan', { ipvlan_mode: 'l2' }, /default via fd00:18::fe dev eth0/],
    ['ipvlan', { ipvlan_mode: 'l3' }, /default dev eth0/],
    ['ipvlan', { ipvlan_mode: 'l3s' }, /default dev eth0/],
  ] as const) {
    await networks.createNetwork(request('both', kind, { parent: 'wan0', ...options }, six, { EnableIPv6: true }));
    const starting = networks.create(sandboxRequest('one', { networkMode: 'both', endpointSettings: { IPAMConfig: { IPv6Address: 'fd00:18::77' } } }));
    if (kernelHas[kind]) {
      const one = await starting;
      const two = await networks.create(sandboxRequest('two', { networkMode: 'both' }));
      const sixOf = (sandbox: Sandbox): string => sandbox.endpoints['both']?.six?.address ?? '';
      assert.deepEqual([sixOf(one), sixOf(two)], ['fd00:18::77', 'fd00:18::100']);
      assert.match(await inside(one, 'ip', '-6', 'route'), way);
      await root.serve(one.namespacePath, 'one', 80, 'tcp6');
      assert.equal(await ask(sixOf(one), 80, { from: two.namespacePath }), `one ${sixOf(two)}`);
      if (kind === 'macvlan') assert.equal(await ask(sixOf(one), 80, { from: outside }), `one ${outsideAddress6}`);
      await assert.rejects(networks.create(sandboxRequest('three', { networkMode: 'both', endpointSettings: { IPAMConfig: { IPv6Address: 'fd00:18::77' } } })), { message: 'failed to set up container networking: Address already in use' });
      await networks.destroy(sandboxRequest('one').containerId, one);
      const again = await networks.create(sandboxRequest('one', { networkMode: 'both', endpointSettings: { IPAMConfig: { IPv6Address: 'fd00:18::77' } } }));
      await networks.destroy(sandboxRequest('one').containerId, again);
      await networks.destroy(sandboxRequest('two').containerId, two);
    } else {
      await assert.rejects(starting, { message: `failed to set up container networking: failed to create the ${kind} port: operation not supported` });
    }
    await remove('both');
  }
});

test('a network of IPv6 alone must have no IPv4, and one of neither no address at all', async () => {
  await networks.createNetwork(request('six', 'macvlan', { parent: 'wan0' }, [], { EnableIPv4: false, EnableIPv6: true }));
  await networks.createNetwork(request('bare', 'macvlan', { parent: 'wan0' }, [], { EnableIPv4: false }));
  assert.match(networks.inspect('six').IPAM.Config?.map(({ Subnet }) => Subnet).join(' ') ?? '', /^fd[0-9a-f:]+::\/64$/);
  assert.equal(networks.inspect('bare').IPAM.Config, null);
  if (kernelHas.macvlan) {
    const one = await networks.create(sandboxRequest('one', { networkMode: 'six' }));
    assert.doesNotMatch(await inside(one, 'ip', '-4', 'address', 'show', 'eth0'), /inet/);
    assert.match(await inside(one, 'ip', '-6', 'address', 'show', 'eth0'), new RegExp(`${one.endpoints['six']?.six?.address}/64 scope global`));
    const two = await networks.create(sandboxRequest('two', { networkMode: 'bare' }));
    assert.doesNotMatch(await inside(two, 'ip', 'address', 'show', 'eth0'), /inet/);
    await networks.destroy(sandboxRequest('one').containerId, one);
    await networks.destroy(sandboxRequest('two').containerId, two);
  }
  await remove('six');
  await remove('bare');
});

test('vepa containers must leave each other to the switch, and reach the machines behind the parent', async () => {
  await networks.createNetwork(request('vepa', 'macvlan', { parent: 'wan0', macvlan_mode: 'vepa' }, wanAddressing()));
  if (kernelHas.macvlan) {
    const one = await networks.create(sandboxRequest('one', { networkMode: 'vepa' }));
    const two = await networks.create(sandboxRequest('two', { networkMode: 'vepa' }));
    await root.serve(one.namespacePath, 'one', 80);
    // The machine behind sends nothing back where it came from, as a switch without VEPA.
    assert.notEqual(await ask(one.endpoints['vepa']?.address ?? '', 80, { from: two.namespacePath }), `one ${two.endpoints['vepa']?.address}`);
    assert.equal(await ask(one.endpoints['vepa']?.address ?? '', 80, { from: outside }), `one ${outsideAddress}`);
    await networks.destroy(sandboxRequest('one').containerId, one);
    await networks.destroy(sandboxRequest('two').containerId, two);
  }
  await remove('vepa');
});

test('an 802.1q network must exchange packets with the machines of its number alone', async (t) => {
  if (!kernelHas.vlan) return t.diagnostic('this kernel has no 802.1q interfaces; their refusal is tried above');
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'link', 'add', 'link', 'eth0', 'name', 'eth0.10', 'type', 'vlan', 'id', '10']);
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'address', 'add', '198.18.10.2/24', 'dev', 'eth0.10']);
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'link', 'set', 'eth0.10', 'up']);
  await root.serve(outside, 'behind', 82);
  for (const [network, parent, reached] of [['ten', 'wan0.10', true], ['eleven', 'wan0.11', false]] as const) {
    await networks.createNetwork(request(network, 'macvlan', { parent }, [{ Subnet: '198.18.10.0/24', IPRange: '198.18.10.128/25' }]));
    const one = await networks.create(sandboxRequest('one', { networkMode: network }));
    const answer = await ask('198.18.10.2', 82, { from: one.namespacePath });
    assert.equal(answer === `behind ${one.endpoints[network]?.address}`, reached, `${network}: ${answer}`);
    await remove(network, ['one', one]);
  }
});

test('the next daemon must take up the networks and addresses of containers that live', async () => {
  const first = root.controller('dhow1', { settings: { bip: '10.78.0.1/24' } });
  await first.start([]);
  await first.createNetwork(request('kept', 'macvlan', { parent: 'wan0' }, wanAddressing()));
  const live: { containerId: string; containerName: string; sandbox: Sandbox }[] = [];
  if (kernelHas.macvlan) {
    const sandbox = await first.create(sandboxRequest('survivor', { networkMode: 'kept' }));
    live.push({ containerId: sandboxRequest('survivor').containerId, containerName: 'survivor', sandbox });
    await first.create(sandboxRequest('lost', { networkMode: 'kept', endpointSettings: { MacAddress: '02:42:00:00:00:66' } }));
  }
  await first[Symbol.asyncDispose]();
  const next = root.controller('dhow1', { settings: { bip: '10.78.0.1/24' } });
  await next.start(live);
  for (const { containerId, sandbox } of live) {
    assert.equal(next.inspect('kept').Containers[containerId]?.IPv4Address, '198.18.0.128/24');
    assert.equal(linksIn(sandbox)['eth0'], 'macvlan');
    const again = await next.create(sandboxRequest('lost', { networkMode: 'kept', endpointSettings: { MacAddress: '02:42:00:00:00:66' } }));
    assert.equal(again.endpoints['kept']?.address, '198.18.0.129');
    await next.destroy(sandboxRequest('lost').containerId, again);
    await next.destroy(containerId, sandbox);
  }
  await next.removeNetwork('kept');
  await next[Symbol.asyncDispose]();
});
