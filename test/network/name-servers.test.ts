/** Name servers that the resolver at 127.0.0.11 asks: large answers, servers that are silent or gone, and the host's list, which may change at any time. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checked, declare } from '#kernel/libc.ts';
import type { NetworkController } from '#network/contract.ts';
import { exchange, exchangeByStream, makeQuery, readAnswer, resolveName, typeOf } from './dns-client.ts';
import { networkRequest } from './network-request.ts';
import { enterPrivateHost, eventually, sandboxRequest, succeed, TestRoot } from './private-host.ts';

const CLONE_NEWNS = 0x20000;
const truncatedBit = 0x0200;

await enterPrivateHost();
const root = new TestRoot();
const hostFile = join(root.path, 'resolv.conf');
let networks: NetworkController;
const closers: (() => void)[] = [];

before(async () => {
  // The host's list of servers is the test's own: it is mounted over the machine's, where nobody else sees it.
  checked(declare('int unshare(int flags)')(CLONE_NEWNS), 'unshare');
  await succeed('mount', ['--make-rprivate', '/']);
  writeFileSync(hostFile, 'nameserver 127.0.0.81\n');
  await succeed('mount', ['--bind', hostFile, '/etc/resolv.conf']);
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
  await networks.createNetwork(networkRequest('lan'));
});

after(async () => {
  for (const close of closers) close();
  await networks[Symbol.asyncDispose]();
  await succeed('umount', ['/etc/resolv.conf']);
  await root[Symbol.asyncDispose]();
});

/** A server that answers every question with so many addresses, the last of whose bytes counts up; more than the asker takes is left out, as RFC 1035 has it. */
async function serve(address: string, network: string, count: number): Promise<{ asked: number; askedByStream: number }> {
  const seen = { asked: 0, askedByStream: 0 };
  const answerTo = (query: Buffer, limit: number): Buffer => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const records = Array.from({ length: count }, (_, index) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...network.split('.').map(Number), index + 1]));
    const extension = query.readUInt16BE(10) === 0 ? Buffer.alloc(0) : Buffer.from('0000291000000000000000', 'hex');
    const make = (flags: number, list: readonly Buffer[]): Buffer => {
      const head = Buffer.alloc(12);
      query.copy(head, 0, 0, 2);
      head.writeUInt16BE(0x8180 | flags, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt16BE(list.length, 6);
      head.writeUInt16BE(extension.length > 0 ? 1 : 0, 10);
      return Buffer.concat([head, question, ...list, extension]);
    };
    const whole = make(0, records);
    return whole.length <= limit ? whole : make(truncatedBit, []);
  };
  const socket = createSocket('udp4');
  socket.on('message', (query, sender) => {
    seen.asked += 1;
    // The size that an OPT record tells is its class (RFC 6891).
    const size = query.readUInt16BE(10) === 0 ? 512 : query.readUInt16BE(query.indexOf(0, 12) + 5 + 3);
    socket.send(answerTo(query, size), sender.port, sender.address);
  });
  socket.bind(53, address);
  await once(socket, 'listening');
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.on('data', (data) => {
      seen.askedByStream += 1;
      const answer = answerTo(data.subarray(2), 65535);
      connection.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
    });
  }).listen(53, address);
  await once(server, 'listening');
  closers.push(() => socket.close(), () => server.close());
  return seen;
}

function withExtension(query: Buffer, size: number): Buffer {
  const extended = Buffer.concat([query, Buffer.from([0, 0, 41, size >> 8, size & 255, 0, 0, 0, 0, 0, 0])]);
  extended.writeUInt16BE(1, 10);
  return extended;
}

test('an answer too large for a datagram must come cut short, and whole over a stream or where the asker takes larger ones', async () => {
  const seen = await serve('127.0.0.91', '198.18.7', 60);
  const client = await networks.create(sandboxRequest('large', { networkMode: 'lan', nameServers: ['127.0.0.91'] }));
  const addresses = Array.from({ length: 60 }, (_, index) => `198.18.7.${index + 1}`);
  const query = makeQuery('many.example.org', typeOf.a);
  const short = await exchange(client.namespacePath, query);
  assert.equal(short.readUInt16BE(2) & truncatedBit, truncatedBit);
  assert.deepEqual(readAnswer(short, query.length), { code: 0, data: [] });
  for (let round = 0; round < 2; round++) {
    const streamed = await exchangeByStream(client.namespacePath, query);
    assert.equal(streamed.readUInt16BE(2) & truncatedBit, 0);
    assert.deepEqual(readAnswer(streamed, query.length).data, addresses);
  }
  assert.equal(seen.askedByStream, 1, 'the second came from what is kept');
  const extended = await exchange(client.namespacePath, withExtension(query, 4096));
  assert.equal(extended.readUInt16BE(2) & truncatedBit, 0);
  assert.ok(extended.length > 512);
  assert.deepEqual(readAnswer(extended, query.length).data, addresses);
  // What was learned for larger datagrams is no answer for an asker that cannot take them.
  assert.equal((await exchange(client.namespacePath, makeQuery('many.example.org', typeOf.a))).readUInt16BE(2) & truncatedBit, truncatedBit);
  // As programs do it: the system's own client comes back over a stream by itself.
  const dug = await succeed('nsenter', [`--net=${client.namespacePath}`, 'python3', '-c', streamAfterTruncation]);
  assert.equal(dug.trim(), 'truncated, then 60');
});

test('servers that are silent or gone must not hold up the answer of one that lives', async () => {
  await serve('127.0.0.92', '198.18.8', 1);
  const silent = createSocket('udp4');
  silent.bind(53, '127.0.0.93');
  await once(silent, 'listening');
  closers.push(() => silent.close());
  const client = await networks.create(sandboxRequest('impatient', { networkMode: 'lan', nameServers: ['127.0.0.93', '127.0.0.94', '127.0.0.92'] }));
  for (const name of ['one.example.org', 'two.example.org', 'three.example.org']) {
    // Far less than the second and a half after which a lost question would be sent again.
    const began = performance.now();
    assert.deepEqual(await resolveName(client.namespacePath, name), { code: 0, data: ['198.18.8.1'] });
    assert.ok(performance.now() - began < 1200);
  }
});

test('the host\'s list of servers must be followed while containers run, and what an earlier server said be forgotten', async () => {
  await serve('127.0.0.81', '198.18.9', 1);
  await serve('127.0.0.82', '198.18.10', 1);
  const client = await networks.create(sandboxRequest('following', { networkMode: 'lan' }));
  assert.deepEqual((await resolveName(client.namespacePath, 'www.example.org')).data, ['198.18.9.1']);
  writeFileSync(hostFile, '# changed\nnameserver 127.0.0.82\n');
  await eventually(async () => assert.deepEqual((await resolveName(client.namespacePath, 'www.example.org')).data, ['198.18.10.1']));
  writeFileSync(hostFile, '');
  await eventually(async () => assert.deepEqual(await resolveName(client.namespacePath, 'www.example.org'), { code: 2, data: [] }));
  writeFileSync(hostFile, 'nameserver 127.0.0.81\n');
  await eventually(async () => assert.deepEqual((await resolveName(client.namespacePath, 'www.example.org')).data, ['198.18.9.1']));
});

/** A resolver of RFC 1123: by datagram first, over a stream when the answer was cut short. */
const streamAfterTruncation = String.raw`
import socket, struct
query = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + b'\x04many\x07example\x03org\x00' + struct.pack('>HH', 1, 1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(3)
client.sendto(query, ('127.0.0.11', 53))
answer = client.recv(65536)
state = 'truncated' if answer[2] & 2 else 'whole'
stream = socket.create_connection(('127.0.0.11', 53), 3)
stream.sendall(struct.pack('>H', len(query)) + query)
data = b''
while len(data) < 2 or len(data) < 2 + struct.unpack('>H', data[:2])[0]:
    data += stream.recv(65536)
print(f'{state}, then {struct.unpack(">H", data[8:10])[0]}')
`;
