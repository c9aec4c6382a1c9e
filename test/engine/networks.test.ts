/** Networks over the API: what Docker's clients see of them, on running containers, stopped ones, and after a crash. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '#kernel/run-program.ts';
import type { EventMessage } from '#schema/event-message.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const home = fileURLToPath(new URL('../..', import.meta.url));
const asleep = ['sleep', '600'];

/** Runs a command in a container and gives what it printed. */
async function inside(daemon: TestDaemon, container: string, ...command: string[]): Promise<string> {
  const { Pid } = (await daemon.client.containers.inspect(container)).State;
  const result = await runProgram('nsenter', ['-t', String(Pid), '-m', '-n', '--', ...command]);
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout;
}

/** What a command prints that is run by exec. */
async function execOutput(daemon: TestDaemon, container: string, ...command: string[]): Promise<string> {
  const result = await runProgram(join(home, 'build/node'), [join(home, 'bin/dhow.mjs'), '-H', `unix://${daemon.socket}`, 'exec', container, ...command]);
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout;
}

async function start(daemon: TestDaemon, name: string, network: string, more: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: asleep, HostConfig: { NetworkMode: network }, ...more } as never, { name });
  await daemon.client.containers.start(Id);
  return Id;
}

test('a container must be known by its names on a network, in its files, to its neighbours and in inspect', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const network = await client.networks.create({ Name: 'names' });
  const id = await start(daemon, 'web-1', 'names', { Hostname: 'front', NetworkingConfig: { EndpointsConfig: { names: { Aliases: ['www'] } } } });
  await start(daemon, 'peer-1', 'names');
  const { Networks } = (await client.containers.inspect('web-1')).NetworkSettings;
  assert.deepEqual(Object.keys(Networks), ['names']);
  const endpoint = Networks['names'];
  assert.deepEqual(endpoint?.DNSNames, ['web-1', 'www', id.slice(0, 12), 'front']);
  assert.equal(endpoint?.NetworkID, network.Id);
  const resolver = await inside(daemon, 'web-1', 'cat', '/etc/resolv.conf');
  assert.match(resolver, /^nameserver 127\.0\.0\.11$/m);
  assert.match(resolver, /^options .*ndots:0$/m);
  assert.match(await inside(daemon, 'web-1', 'cat', '/etc/hosts'), new RegExp(`^${endpoint?.IPAddress}\tfront$`, 'm'));
  for (const name of ['web-1', 'www', id.slice(0, 12), 'front', 'web-1.names']) {
    assert.match(await inside(daemon, 'peer-1', 'nslookup', '-type=a', name), new RegExp(`Address: ${endpoint?.IPAddress}`), name);
  }
  await client.containers.rename('web-1', 'web-2');
  assert.match(await inside(daemon, 'peer-1', 'nslookup', '-type=a', 'web-2'), new RegExp(`Address: ${endpoint?.IPAddress}`));
  const seen = await client.networks.inspect('names');
  assert.deepEqual([seen.Containers[id]?.Name, seen.Status], ['web-2', undefined]);
  const { Status } = await client.networks.inspect('names', { verbose: true });
  assert.deepEqual(Object.entries(Status?.IPAM.Subnets ?? {}).map(([subnet, { IPsInUse }]) => [subnet, IPsInUse]), [[seen.IPAM.Config?.[0]?.Subnet, 5]], 'edges, gateway and two containers');

  // Made anew it has another address, which is told at once.
  await client.containers.remove('web-2', { force: true });
  await start(daemon, 'filler', 'names');
  const again = await start(daemon, 'web-1', 'names');
  const address = (await client.containers.inspect(again)).NetworkSettings.Networks['names']?.IPAddress;
  assert.match(await inside(daemon, 'peer-1', 'nslookup', '-type=a', 'web-1'), new RegExp(`Address: ${address}`));
});

test('connections must be made and undone on running and stopped containers, be kept over restarts and a crash, and be told as events', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await client.networks.create({ Name: 'one' });
  const two = await client.networks.create({ Name: 'two', IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.213.7.0/24' }] } });
  const id = await start(daemon, 'mover', 'bridge');
  assert.doesNotMatch(await inside(daemon, 'mover', 'cat', '/etc/resolv.conf'), /127\.0\.0\.11/);

  const events: EventMessage[] = [];
  const listening = new AbortController();
  const heard = (async () => {
    for await (const event of await client.system.events({ filters: { type: ['network'] }, signal: listening.signal })) events.push(event);
  })().catch(() => undefined);

  await client.networks.connect('two', { Container: 'mover', EndpointConfig: { IPAMConfig: { IPv4Address: '10.213.7.44' }, Aliases: ['al'] } });
  assert.match(await inside(daemon, 'mover', 'ip', '-o', '-4', 'addr'), /eth1 +inet 10\.213\.7\.44\/24/);
  assert.match(await inside(daemon, 'mover', 'cat', '/etc/hosts'), /^10\.213\.7\.44\t/m);
  assert.match(await inside(daemon, 'mover', 'cat', '/etc/resolv.conf'), /^nameserver 127\.0\.0\.11$/m);
  await assert.rejects(client.networks.remove('two'), /network two has active endpoints \(name:"mover" id:"[0-9a-f]{12}"\)/);
  await client.networks.disconnect('bridge', { Container: 'mover', Force: false });
  assert.deepEqual(Object.keys((await client.containers.inspect('mover')).NetworkSettings.Networks), ['two']);

  await daemon.kill();
  await daemon.launch();
  assert.match(await inside(daemon, 'mover', 'nslookup', '-type=a', 'al'), /Address: 10\.213\.7\.44/);
  await client.containers.restart('mover', { timeout: 0 });
  assert.match(await inside(daemon, 'mover', 'ip', '-o', '-4', 'addr'), /eth0 +inet 10\.213\.7\.44\/24/);

  await client.containers.stop('mover', { timeout: 0 });
  await client.networks.connect('one', { Container: 'mover', EndpointConfig: null });
  await client.networks.disconnect('two', { Container: 'mover', Force: false });
  await assert.rejects(client.networks.disconnect('two', { Container: 'mover', Force: false }), new RegExp(`container ${id} is not connected to the network two`));
  await client.networks.remove('two');
  await client.containers.start('mover');
  assert.deepEqual(Object.keys((await client.containers.inspect('mover')).NetworkSettings.Networks), ['one']);
  listening.abort();
  await heard;
  const told = events.map(({ Action, Actor }) => `${Action} ${Actor.Attributes['name']}`);
  assert.deepEqual(told.slice(0, 2), ['connect two', 'disconnect bridge']);
  assert.equal(events[0]?.Actor.ID, two.Id);
});

test('a start must fail with Docker\'s words when its network is gone, and prune take only what nobody is on', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.networks.create({ Name: 'fleeting', Labels: { keep: 'no' } });
  await client.networks.create({ Name: 'kept', Labels: { keep: 'no' } });
  await client.networks.create({ Name: 'other' });
  await start(daemon, 'user', 'kept');
  await start(daemon, 'gone', 'fleeting');
  await client.containers.stop('gone', { timeout: 0 });
  assert.deepEqual(await client.networks.prune({ label: ['keep=no'] }), { NetworksDeleted: ['fleeting'] });
  await assert.rejects(client.containers.start('gone'), new RegExp(`failed to set up container networking: network ${Id} not found`));
  await assert.rejects(client.networks.remove('bridge'), /bridge is a pre-defined network and cannot be removed/);
  await assert.rejects(client.networks.connect('host', { Container: 'user', EndpointConfig: null }), /cannot connect container to host network - container must be created in host network mode/);
  await assert.rejects(client.networks.connect('none', { Container: 'user', EndpointConfig: null }), /one of the networks in private \(none\) mode/);
  await assert.rejects(client.networks.connect('kept', { Container: 'user', EndpointConfig: { IPAMConfig: { IPv4Address: '10.9.9.9' } } }), /user specified IP address is supported only when connecting to networks with user configured subnets/);
  await eventually('nothing is left of the failed start', async () => assert.equal((await client.containers.inspect('gone')).State.Status, 'exited'));
});

test('a link on the default bridge must bring the other\'s address, ports and variables', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await start(daemon, 'store', 'bridge', { Env: ['SECRET=s'], ExposedPorts: { '5432/tcp': {} } });
  const address = (await client.containers.inspect('store')).NetworkSettings.Networks['bridge']?.IPAddress;
  const { output } = await daemon.run(['sh', '-c', 'env | grep ^DB_ | sort; grep -w db /etc/hosts'], { Links: ['store:db'] });
  const [hosts, ...variables] = output.trim().split('\n').toReversed();
  assert.match(hosts ?? '', new RegExp(`^${address}\tdb [0-9a-f]{12} store$`));
  assert.deepEqual(variables.toReversed().filter((line) => !line.startsWith('DB_NAME=')), [
    'DB_ENV_SECRET=s', `DB_PORT=tcp://${address}:5432`, `DB_PORT_5432_TCP=tcp://${address}:5432`, `DB_PORT_5432_TCP_ADDR=${address}`, 'DB_PORT_5432_TCP_PORT=5432', 'DB_PORT_5432_TCP_PROTO=tcp',
  ]);
  const { Id } = await client.containers.create({ Image: 'busybox', HostConfig: { Links: ['store'] } } as never, { name: 'linked' });
  assert.deepEqual((await client.containers.inspect(Id)).HostConfig.Links, ['/store:/linked/store']);
  await start(daemon, 'linker', 'bridge', { HostConfig: { NetworkMode: 'bridge', Links: ['store:db'] } });
  assert.match(await execOutput(daemon, 'linker', 'env'), /^DB_ENV_SECRET=s$/m);
  await client.containers.stop('store', { timeout: 0 });
  await assert.rejects(client.containers.start(Id), /Cannot link to a non running container: \/store AS \/linked\/store/);
  await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: { Links: ['absent:x'] } } as never), /could not get container for absent: No such container: absent/);
  await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: { Links: [':x'] } } as never), /could not get container for : invalid name or ID supplied: ""/);
  // It is the container that was linked, not its name.
  await client.containers.remove('store');
  await start(daemon, 'store', 'bridge');
  assert.deepEqual((await client.containers.inspect(Id)).HostConfig.Links, ['/store:/linked/store']);
  await assert.rejects(client.containers.start(Id), /Cannot link to a non running container: \/store AS \/linked\/store/);
});

test('links on a user-defined network must be names there alone, whether the other is there or not', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await client.networks.create({ Name: 'own' });
  await start(daemon, 'store', 'own', { Env: ['SECRET=s'] });
  await start(daemon, 'linker', 'own', {
    HostConfig: { NetworkMode: 'own', Links: ['store:db', 'absent:none'] },
    NetworkingConfig: { EndpointsConfig: { own: { Links: ['store:db', 'absent:none'] } } },
  });
  assert.doesNotMatch(await execOutput(daemon, 'linker', 'env'), /DB_/);
  assert.match(await inside(daemon, 'linker', 'nslookup', '-type=a', 'db'), /Address: /);
  assert.doesNotMatch(await inside(daemon, 'linker', 'cat', '/etc/hosts'), /db/);
});

test('what has ended must show nothing of the network, one in the host\'s the host\'s namespace, and one without IPv6 no names of it', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  for (let round = 0; round < 5; round++) {
    await start(daemon, 'brief', 'bridge');
    await client.containers.stop('brief', { timeout: 0 });
    const { SandboxID, SandboxKey, IPAddress } = (await client.containers.inspect('brief')).NetworkSettings;
    assert.deepEqual([SandboxID, SandboxKey, IPAddress], ['', '', '']);
    await client.containers.remove('brief');
  }
  await start(daemon, 'own', 'host');
  assert.equal((await client.containers.inspect('own')).NetworkSettings.SandboxKey, '/var/run/docker/netns/default');
  const { output } = await daemon.run(['cat', '/etc/hosts'], { Sysctls: { 'net.ipv6.conf.all.disable_ipv6': '1' } });
  assert.doesNotMatch(output, /:|ip6/);
});

test('the first wishes of a stopped container for a network must count', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await client.networks.create({ Name: 'own' });
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: asleep } as never);
  await client.networks.connect('own', { Container: Id, EndpointConfig: { Aliases: ['first'] } });
  await client.networks.connect('own', { Container: Id, EndpointConfig: { Aliases: ['second'] } });
  assert.deepEqual((await client.containers.inspect(Id)).NetworkSettings.Networks['own']?.Aliases, ['first']);
});

test('a link must follow the other container to its next address', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const addressOf = async (name: string): Promise<string> => (await client.containers.inspect(name)).NetworkSettings.Networks['bridge']?.IPAddress ?? '';
  const target = await start(daemon, 'moving', 'bridge');
  await start(daemon, 'following', 'bridge', { HostConfig: { NetworkMode: 'bridge', Links: ['moving:db'] } });
  const before = await addressOf('moving');
  assert.match(await inside(daemon, 'following', 'cat', '/etc/hosts'), new RegExp(`^${before}\tdb ${target.slice(0, 12)} moving$`, 'm'));
  await client.containers.stop('moving', { timeout: 0 });
  await start(daemon, 'taker', 'bridge');
  await client.containers.start('moving');
  const after = await addressOf('moving');
  assert.notEqual(after, before);
  const hosts = await inside(daemon, 'following', 'cat', '/etc/hosts');
  assert.match(hosts, new RegExp(`^${after}\tdb ${target.slice(0, 12)} moving$`, 'm'));
  assert.doesNotMatch(hosts, new RegExp(`^${before}\t`, 'm'));
});
