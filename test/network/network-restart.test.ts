/** What the next engine finds: it takes up what lives and removes the rest. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import type { NetworkController, Sandbox, SandboxRequest } from '#network/contract.ts';
import { ask, enterPrivateHost, eventually, hostAddress, publishing, sandboxRequest, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let outside = '';

before(async () => {
  outside = await root.outside();
});

after(async () => {
  await root[Symbol.asyncDispose]();
});

interface Started {
  readonly request: SandboxRequest;
  readonly sandbox: Sandbox;
}

async function started(networks: NetworkController, request: SandboxRequest): Promise<Started> {
  return { request, sandbox: await networks.create(request) };
}

/** The records of running containers, as they come back from the database. */
function records(containers: readonly Started[]): { containerId: string; containerName: string; sandbox: Sandbox }[] {
  return containers.map(({ request, sandbox }) => ({ containerId: request.containerId, containerName: request.containerName, sandbox: JSON.parse(JSON.stringify(sandbox)) as Sandbox }));
}

test('published ports must answer while no engine runs, and all of them with the next', async () => {
  const first = root.controller('keep0');
  await first.start([]);
  const web = await started(first, publishing('web', '8080:80', '127.0.0.1:8081:80', '8053:53/udp'));
  await root.serve(web.sandbox.namespacePath, 'web', 80);
  await root.serve(web.sandbox.namespacePath, 'web', 53, 'udp');
  await first[Symbol.asyncDispose]();
  for (const address of ['127.0.0.1', hostAddress]) {
    assert.match(await ask(address, 8080), /^web /, address);
    assert.match(await ask(address, 8053, { protocol: 'udp' }), /^web /, address);
  }
  assert.match(await ask(hostAddress, 8080, { from: outside }), /^web /);
  await using second = root.controller('keep0');
  await second.start(records([web]));
  for (const address of ['127.0.0.1', '::1', hostAddress]) {
    assert.match(await ask(address, 8080), /^web /, address);
    assert.match(await ask(address, 8053, { protocol: 'udp' }), /^web /, address);
  }
  assert.match(await ask('127.0.0.1', 8081), /^web /);
  assert.equal(second.inspect('bridge').Containers[web.request.containerId]?.Name, 'web');
  await assert.rejects(second.create(publishing('other', '8080:80')), /port is already allocated$/);
  const other = await started(second, sandboxRequest('other'));
  assert.notEqual(other.sandbox.endpoints['bridge']?.address, web.sandbox.endpoints['bridge']?.address);
  await second.destroy(web.request.containerId, web.sandbox);
  for (const address of ['127.0.0.1', '::1', hostAddress]) assert.equal(await ask(address, 8080), 'ECONNREFUSED', address);
});

test('an open connection must outlive the change of engines', async () => {
  const first = root.controller('keep1');
  await first.start([]);
  const echo = await started(first, publishing('echo', '8180:80'));
  await root.run(echo.sandbox.namespacePath, 'import socket\nserver = socket.socket()\nserver.bind(("", 80)); server.listen()\nprint("ready", flush=True)\npeer, _ = server.accept()\nwhile data := peer.recv(100): peer.sendall(data)');
  const client = connect(8180, '127.0.0.1');
  await once(client, 'connect');
  const echoes = async (text: string): Promise<void> => {
    client.write(text);
    const [answer] = (await once(client, 'data')) as [Buffer];
    assert.equal(answer.toString(), text);
  };
  await echoes('before');
  await first[Symbol.asyncDispose]();
  await echoes('between');
  await using second = root.controller('keep1');
  await second.start(records([echo]));
  await echoes('after');
  client.destroy();
});

test('networks must keep id, time of creation and subnet', async () => {
  const identity = (networks: NetworkController): unknown => networks.list({}).map(({ Name, Id, Created, IPAM }) => [Name, Id, Created, IPAM.Config]);
  const first = root.controller('keep2');
  await first.start([]);
  const before = identity(first);
  await first[Symbol.asyncDispose]();
  // As after a reboot: the bridge is gone, the database is not.
  await succeed('ip', ['link', 'delete', 'keep2']);
  await using second = root.controller('keep2');
  await second.start([]);
  assert.deepEqual(identity(second), before);
});

test('what belongs to no live container must be removed, and only that', async () => {
  const first = root.controller('keep3');
  await first.start([]);
  const alive = await started(first, publishing('alive', '8280:80'));
  const dead = await started(first, publishing('dead', '8281:80', '8282:53/udp'));
  await root.serve(alive.sandbox.namespacePath, 'alive', 80);
  // A process of the dead container still holds the namespace, so that its interface does not go by itself.
  await root.serve(dead.sandbox.namespacePath, 'dead', 80);
  const half = join(root.path, 'keep3', 'netns', 'abcdefabcdef');
  writeFileSync(half, '');
  await succeed('ip', ['link', 'add', 'mine', 'type', 'veth', 'peer', 'name', 'mine-peer']);
  await succeed('ip', ['link', 'set', 'mine', 'master', 'keep3']);
  await first[Symbol.asyncDispose]();
  await using second = root.controller('keep3');
  await second.start(records([alive]));
  assert.deepEqual(readdirSync(join(root.path, 'keep3', 'netns')).sort(), [alive.sandbox.id.slice(0, 12), 'default'].sort());
  using routes = new RouteSocket();
  assert.equal(routes.link(dead.sandbox.endpoints['bridge']?.hostInterface ?? ''), undefined);
  assert.notEqual(routes.link(alive.sandbox.endpoints['bridge']?.hostInterface ?? ''), undefined);
  assert.notEqual(routes.link('mine'), undefined);
  const table = await succeed('nft', ['list', 'table', 'ip', 'dhow_keep3']);
  assert.match(table, /8280/);
  assert.doesNotMatch(table, /8281|8282/);
  assert.match(await ask('127.0.0.1', 8280), /^alive /);
  assert.equal(await ask('127.0.0.1', 8281), 'ECONNREFUSED');
  const next = await started(second, publishing('next', '8281:80', '8282:53/udp'));
  assert.equal(next.sandbox.endpoints['bridge']?.address, dead.sandbox.endpoints['bridge']?.address);
});

test('a bridge that somebody deleted must be there again with the live containers on it', async () => {
  const first = root.controller('keep4');
  await first.start([]);
  const web = await started(first, publishing('web', '8380:80'));
  await root.serve(web.sandbox.namespacePath, 'web', 80);
  await first[Symbol.asyncDispose]();
  await succeed('ip', ['link', 'delete', 'keep4']);
  await using second = root.controller('keep4');
  await second.start(records([web]));
  await eventually(async () => assert.match(await ask('127.0.0.1', 8380), /^web /));
  assert.match(await ask(hostAddress, 8380, { from: web.sandbox.namespacePath }), /^web /);
});

test('a port that another program took meanwhile must be told, and the container go on', async (t) => {
  const first = root.controller('keep5');
  await first.start([]);
  const web = await started(first, publishing('web', '8480:80'));
  await root.serve(web.sandbox.namespacePath, 'web', 80);
  await first[Symbol.asyncDispose]();
  const thief = createServer().listen(8480, '::1');
  t.after(() => thief.close());
  await once(thief, 'listening');
  const warnings: string[] = [];
  await using second = root.controller('keep5', { warn: (message) => warnings.push(message) });
  await second.start(records([web]));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /port :::8480\/tcp of container web cannot be reserved again/);
  assert.match(await ask('127.0.0.1', 8480), /^web /);
});

test('live containers must keep their subnet when another --bip is given; without any it counts', async () => {
  const first = root.controller('keep6', { settings: { bip: '10.88.0.1/24' } });
  await first.start([]);
  const web = await started(first, sandboxRequest('web'));
  await first[Symbol.asyncDispose]();
  const second = root.controller('keep6', { settings: { bip: '10.89.0.1/24' } });
  await second.start(records([web]));
  assert.equal(second.inspect('bridge').IPAM.Config?.[0]?.Subnet, '10.88.0.0/24');
  await second.destroy(web.request.containerId, web.sandbox);
  await second[Symbol.asyncDispose]();
  await using third = root.controller('keep6', { settings: { bip: '10.89.0.1/24' } });
  await third.start([]);
  const fresh = await started(third, sandboxRequest('fresh'));
  assert.equal(fresh.sandbox.endpoints['bridge']?.address, '10.89.0.2');
  using routes = new RouteSocket();
  const bridge = routes.link('keep6');
  assert.deepEqual(routes.addresses().filter(({ linkIndex }) => linkIndex === bridge?.index).map(({ address }) => address), ['10.89.0.1']);
});

test('live containers of host and none must be taken up and given back', async () => {
  const first = root.controller('keep7');
  await first.start([]);
  const guest = await started(first, sandboxRequest('guest', { networkMode: 'host' }));
  const alone = await started(first, sandboxRequest('alone', { networkMode: 'none' }));
  await first[Symbol.asyncDispose]();
  await using second = root.controller('keep7');
  await second.start(records([guest, alone]));
  assert.equal(second.inspect('host').Containers[guest.request.containerId]?.Name, 'guest');
  assert.equal(second.inspect('none').Containers[alone.request.containerId]?.Name, 'alone');
  assert.equal(inNetworkNamespace(alone.sandbox.namespacePath, () => {
    using routes = new RouteSocket();
    return routes.link('lo')?.up;
  }), true);
  await second.destroy(guest.request.containerId, guest.sandbox);
  await second.destroy(alone.request.containerId, alone.sandbox);
  assert.deepEqual(readdirSync(join(root.path, 'keep7', 'netns')), ['default']);
});

test('starting with many live containers must be quick', async () => {
  const first = root.controller('keep8');
  await first.start([]);
  const containers: Started[] = [];
  for (let index = 0; index < 40; index++) containers.push(await started(first, publishing(`many-${index}`, `${9000 + index}:80`)));
  await first[Symbol.asyncDispose]();
  const begun = performance.now();
  await using second = root.controller('keep8');
  await second.start(records(containers));
  const took = performance.now() - begun;
  assert.equal(Object.keys(second.inspect('bridge').Containers).length, 40);
  // Generous: it takes some 50 ms; the whole engine has two seconds.
  assert.ok(took < 1000, `${took} ms`);
});
