/** The resolver at 127.0.0.11: names of containers, questions passed on, and the next engine's taking over. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import type { NetworkController, Sandbox, SandboxRequest } from '#network/contract.ts';
import { networkRequest } from './network-request.ts';
import { exchange, exchangeByStream, makeQuery, readAnswer, resolveName, typeOf } from './dns-client.ts';
import { ask, enterPrivateHost, sandboxRequest, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;

const newNetwork = (Name: string, Internal = false) => networks.createNetwork(networkRequest(Name, { Internal }));
const start = (name: string, more: Partial<SandboxRequest>): Promise<Sandbox> => networks.create(sandboxRequest(name, more));
const addressOf = (sandbox: Sandbox, network: string): string => sandbox.endpoints[network]?.address ?? '';

before(async () => {
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

test('names, aliases, short ids, host names and links must resolve on a network, and only there', async () => {
  await newNetwork('talk');
  await newNetwork('elsewhere');
  const web = await start('web', { networkMode: 'talk', hostname: 'front', endpointSettings: { Aliases: ['www'] } });
  const client = await start('client', { networkMode: 'talk', endpointSettings: { Links: ['web:backend'] } });
  const stranger = await start('stranger', { networkMode: 'elsewhere', nameServers: ['127.0.0.9'] });
  const address = addressOf(web, 'talk');
  for (const name of ['web', 'WEB', 'www', 'front', sandboxRequest('web').containerId.slice(0, 12), 'web.talk', 'backend']) {
    assert.deepEqual(await resolveName(client.namespacePath, name), { code: 0, data: [address] }, name);
  }
  assert.deepEqual(await resolveName(client.namespacePath, `${address.split('.').toReversed().join('.')}.in-addr.arpa`, typeOf.pointer), { code: 0, data: ['web.talk'] });
  // The name is there, its other records are not.
  assert.deepEqual(await resolveName(client.namespacePath, 'web', typeOf.aaaa), { code: 0, data: [] });
  assert.equal((await resolveName(stranger.namespacePath, 'web')).code, 2);
  const query = makeQuery('web', typeOf.a);
  assert.deepEqual(readAnswer(await exchangeByStream(client.namespacePath, query), query.length), { code: 0, data: [address] });
});

test('a shared alias must give every container in turn, and a new container\'s address at once', async () => {
  await newNetwork('pool');
  const client = await start('pool-client', { networkMode: 'pool', nameServers: ['127.0.0.9'] });
  const wish = { networkMode: 'pool', endpointSettings: { Aliases: ['service'] } };
  const [first, second] = [await start('pool-1', wish), await start('pool-2', wish)];
  const seen = new Set<string>();
  for (let round = 0; round < 40; round++) {
    const { data } = await resolveName(client.namespacePath, 'service');
    assert.deepEqual([...data].sort(), [addressOf(first, 'pool'), addressOf(second, 'pool')].sort());
    seen.add(data[0] ?? '');
  }
  assert.equal(seen.size, 2);
  await networks.destroy(sandboxRequest('pool-1').containerId, first);
  assert.deepEqual((await resolveName(client.namespacePath, 'service')).data, [addressOf(second, 'pool')]);
  networks.rename(sandboxRequest('pool-2').containerId, 'renamed');
  assert.deepEqual((await resolveName(client.namespacePath, 'renamed')).data, [addressOf(second, 'pool')]);
  assert.equal((await resolveName(client.namespacePath, 'pool-2')).code, 2);
});

test('an address must stand for its next container alone, by every name and at once', async () => {
  await networks.createNetwork(networkRequest('fixed', { subnet: '10.84.0.0/24' }));
  const client = await start('fixed-client', { networkMode: 'fixed', nameServers: ['127.0.0.9'] });
  const settings = (alias: string): Partial<SandboxRequest> => ({ networkMode: 'fixed', endpointSettings: { IPAMConfig: { IPv4Address: '10.84.0.40' }, Aliases: [alias] } });
  const pointer = '40.0.84.10.in-addr.arpa';
  let before: string[] = [];
  // By one and the same name, and then by another: as `compose up --force-recreate` and a renamed service have it.
  for (const [round, name, alias] of [[1, 'old', 'www'], [2, 'old', 'web'], [3, 'new', 'site']] as const) {
    const sandbox = await start(name, settings(alias));
    const own = [name, alias, `${name}.fixed`, sandboxRequest(name).containerId.slice(0, 12)];
    for (const known of own) assert.deepEqual(await resolveName(client.namespacePath, known), { code: 0, data: ['10.84.0.40'] }, known);
    for (const gone of before.filter((one) => !own.includes(one))) assert.equal((await resolveName(client.namespacePath, gone)).code, 2, `${gone} is nobody's name any more`);
    assert.deepEqual((await resolveName(client.namespacePath, pointer, typeOf.pointer)).data, [`${name}.fixed`]);
    // Neighbours learn of the other interface, too.
    await root.serve(sandbox.namespacePath, `${name}-${round}`, 80);
    assert.match(await ask('10.84.0.40', 80, { from: client.namespacePath }), new RegExp(`^${name}-${round} `));
    await networks.destroy(sandboxRequest(name).containerId, sandbox);
    for (const known of own) assert.equal((await resolveName(client.namespacePath, known)).code, 2, known);
    assert.deepEqual((await resolveName(client.namespacePath, pointer, typeOf.pointer)).data, []);
    before = own;
  }
});

test('other questions must go to the name servers as they are, by datagram and stream, and their failures not count before others\' answers', async (t) => {
  await newNetwork('outward');
  const asked: Buffer[] = [];
  const answerTo = (query: Buffer, code: number): Buffer => {
    const answer = Buffer.concat([query, Buffer.from('c00c00010001000000640004c6120042', 'hex')]);
    answer.writeUInt16BE(0x8180 | code, 2);
    answer.writeUInt16BE(1, 6);
    return answer;
  };
  const serve = async (address: string, code: number, wait: number): Promise<void> => {
    const socket = createSocket('udp4');
    socket.on('message', (query, sender) => {
      if (code === 0) asked.push(query);
      setTimeout(() => socket.send(answerTo(query, code), sender.port, sender.address), wait);
    });
    socket.bind(53, address);
    await once(socket, 'listening');
    t.after(() => socket.close());
  };
  await serve('127.0.0.71', 2, 0);
  await serve('127.0.0.72', 0, 50);
  const stream = createServer((connection) => {
    connection.on('data', (data) => {
      const answer = answerTo(data.subarray(2), 0);
      connection.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
    });
    connection.on('error', () => connection.destroy());
  });
  stream.listen(53, '127.0.0.72');
  await once(stream, 'listening');
  t.after(() => stream.close());

  const client = await start('outward-client', { networkMode: 'outward', nameServers: ['127.0.0.71', '127.0.0.72', '127.0.0.73'] });
  const query = makeQuery('example.org', typeOf.a);
  const answer = await exchange(client.namespacePath, query);
  assert.deepEqual(readAnswer(answer, query.length), { code: 0, data: ['198.18.0.66'] });
  assert.equal(answer.readUInt16BE(0), query.readUInt16BE(0), 'the number is the asker\'s');
  assert.deepEqual(asked.map((one) => one.subarray(2).toString('hex')), [query.subarray(2).toString('hex')]);
  // The next one is answered from what is kept.
  assert.deepEqual((await resolveName(client.namespacePath, 'example.org')).data, ['198.18.0.66']);
  assert.equal(asked.length, 1);
  // An extension passes through: an OPT record with a larger size of datagrams.
  const extended = Buffer.concat([makeQuery('extended.org', typeOf.a), Buffer.from('0000291000000080000000', 'hex')]);
  extended.writeUInt16BE(1, 10);
  await exchange(client.namespacePath, extended);
  assert.equal(asked.at(-1)?.subarray(-11).toString('hex'), '0000291000000080000000');
  const byStream = makeQuery('stream.org', typeOf.a);
  assert.deepEqual(readAnswer(await exchangeByStream(client.namespacePath, byStream), byStream.length).data, ['198.18.0.66']);
});

test('a container on internal networks alone must ask nobody outside', async (t) => {
  await newNetwork('closed', true);
  let asked = 0;
  const server = createSocket('udp4', () => (asked += 1));
  server.bind(53, '127.0.0.74');
  await once(server, 'listening');
  t.after(() => server.close());
  const client = await start('closed-client', { networkMode: 'closed', nameServers: ['127.0.0.74'] });
  assert.equal((await resolveName(client.namespacePath, 'example.org')).code, 2);
  assert.equal(asked, 0);
});

test('what is no question must be refused or dropped, and the resolver go on', async () => {
  await newNetwork('odd');
  const client = await start('odd-client', { networkMode: 'odd' });
  const two = makeQuery('odd-client', typeOf.a);
  two.writeUInt16BE(2, 4);
  assert.equal((await exchange(client.namespacePath, two)).readUInt16BE(2) & 15, 4);
  const looping = Buffer.concat([makeQuery('x', typeOf.a).subarray(0, 12), Buffer.from('c00c00010001', 'hex')]);
  assert.equal((await exchange(client.namespacePath, looping)).readUInt16BE(2) & 15, 4);
  await assert.rejects(exchange(client.namespacePath, Buffer.from('ab')), { name: 'AbortError' });
  assert.equal((await resolveName(client.namespacePath, 'odd-client')).data.length, 1);
});

test('a network joined later must bring names, and one that is left take them', async () => {
  await newNetwork('later');
  const peer = await start('later-peer', { networkMode: 'later' });
  const wish = sandboxRequest('late');
  await networks.create(wish);
  const request = { containerName: 'late', exposedPorts: [], portBindings: {}, publishAll: false, network: 'later' };
  const sandbox = await networks.connect(wish.containerId, { ...request, settings: { Aliases: ['tardy'] } });
  assert.deepEqual((await resolveName(sandbox.namespacePath, 'later-peer')).data, [addressOf(peer, 'later')]);
  assert.deepEqual((await resolveName(peer.namespacePath, 'tardy')).data, [addressOf(sandbox, 'later')]);
  await networks.disconnect(wish.containerId, request);
  assert.notEqual((await resolveName(peer.namespacePath, 'tardy')).code, 0);
});

test('the next engine must answer for live containers as soon as it has started', async () => {
  await newNetwork('handed');
  const one = await start('handed-one', { networkMode: 'handed', endpointSettings: { Aliases: ['uno'] } });
  const two = await start('handed-two', { networkMode: 'handed' });
  const query = makeQuery('uno', typeOf.a);
  const fromOnePort = async (): Promise<readonly string[]> => readAnswer(await exchange(two.namespacePath, query, 4053), query.length).data;
  assert.deepEqual(await fromOnePort(), [addressOf(one, 'handed')]);
  await networks[Symbol.asyncDispose]();
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  const began = performance.now();
  await networks.start([['handed-one', one], ['handed-two', two]].map(([name, sandbox]) => ({ containerId: sandboxRequest(name as string).containerId, containerName: name as string, sandbox: sandbox as Sandbox })));
  assert.deepEqual((await resolveName(two.namespacePath, 'uno')).data, [addressOf(one, 'handed')]);
  assert.ok(performance.now() - began < 1000);
  assert.deepEqual(await fromOnePort(), [addressOf(one, 'handed')], 'the kernel remembers where the questions of a port went');
});

test('port 53 must be free for a name server of the container\'s own', async () => {
  await newNetwork('server');
  const sandbox = await start('own-server', { networkMode: 'server' });
  const address = addressOf(sandbox, 'server');
  for (const protocol of ['udp', 'tcp'] as const) {
    await root.serve(sandbox.namespacePath, 'own', 53, protocol);
    assert.match(await ask(address, 53, { from: sandbox.namespacePath, protocol }), /^own /);
  }
  assert.deepEqual((await resolveName(sandbox.namespacePath, 'own-server')).data, [address]);
});

test('a thousand questions at once must all be answered', async () => {
  await newNetwork('busy');
  const client = await start('busy-client', { networkMode: 'busy' });
  const answers = await Promise.all(Array.from({ length: 10 }, async () => {
    let count = 0;
    for (let round = 0; round < 100; round++) count += (await resolveName(client.namespacePath, 'busy-client')).data.length;
    return count;
  }));
  assert.deepEqual(answers, Array.from({ length: 10 }, () => 100));
});
