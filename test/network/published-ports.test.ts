/** Published ports, with packets: from every place they can come from, and to every address. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { readSysctl, writeSysctl } from '#kernel/sysctl.ts';
import type { NetworkController } from '#network/contract.ts';
import {
  ask, enterPrivateHost, eventually, hostAddress, hostAddress6, outsideAddress, publishing, sandboxRequest, secondHostAddress6, succeed, TestRoot,
} from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let outside = '';
let networks: NetworkController;
const warnings: string[] = [];

before(async () => {
  outside = await root.outside();
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' }, warn: (message) => warnings.push(message) });
  await networks.start([]);
});

after(async () => {
  assert.deepEqual(warnings, []);
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

test('a published port must answer at every address of the host', async () => {
  const sandbox = await networks.create(publishing('web', '8080:80', '8053:53/udp'));
  await root.serve(sandbox.namespacePath, 'web', 80);
  await root.serve(sandbox.namespacePath, 'dns', 53, 'udp');
  for (const address of ['127.0.0.1', '127.0.0.5', '::1', hostAddress, '10.77.0.1', hostAddress6, secondHostAddress6]) {
    assert.match(await ask(address, 8080), /^web /, address);
    assert.match(await ask(address, 8053, { protocol: 'udp' }), /^dns /, address);
  }
});

test('a published port must answer the outside, which the container sees by its own address', async () => {
  const sandbox = await networks.create(publishing('open', '8081:80', '8054:53/udp'));
  await root.serve(sandbox.namespacePath, 'open', 80);
  await root.serve(sandbox.namespacePath, 'open', 53, 'udp');
  assert.equal(await ask(hostAddress, 8081, { from: outside }), `open ${outsideAddress}`);
  assert.equal(await ask(hostAddress, 8054, { from: outside, protocol: 'udp' }), `open ${outsideAddress}`);
  // By the relay it is the bridge.
  assert.equal(await ask(hostAddress6, 8081, { from: outside }), 'open 10.77.0.1');
  // A client that is connected takes an answer from the asked address only.
  for (const address of [hostAddress6, secondHostAddress6]) assert.equal(await ask(address, 8054, { from: outside, protocol: 'udp' }), 'open 10.77.0.1', address);
});

for (const filtered of ['0', '1']) {
  test(`a container must reach its own published port and those of others (bridge-nf-call-iptables=${filtered})`, async (t) => {
    // Without br_netfilter the setting is missing, which is the same as 0.
    const setting = 'net.bridge.bridge-nf-call-iptables';
    const before = readSysctl(setting);
    if (before !== undefined) {
      writeSysctl(setting, filtered);
      t.after(() => writeSysctl(setting, before));
    }
    const port = 8090 + Number(filtered);
    const own = await networks.create(publishing(`own-${filtered}`, `${port}:80`, `${port}:53/udp`));
    const other = await networks.create(sandboxRequest(`other-${filtered}`));
    await root.serve(own.namespacePath, 'own', 80);
    await root.serve(own.namespacePath, 'own', 53, 'udp');
    const address = own.endpoints['bridge']?.address ?? '';
    for (const from of [own.namespacePath, other.namespacePath]) {
      for (const host of [hostAddress, '10.77.0.1']) {
        assert.equal(await ask(host, port, { from }), 'own 10.77.0.1', host);
        assert.equal(await ask(host, port, { from, protocol: 'udp' }), 'own 10.77.0.1', host);
      }
    }
    assert.equal(await ask(address, 80, { from: other.namespacePath }), `own ${other.endpoints['bridge']?.address}`);
  });
}

test('a port published at one address must be closed at all others', async () => {
  const sandbox = await networks.create(publishing('local', '127.0.0.1:8100:80', `${hostAddress}:8101:80`, '[::1]:8102:80'));
  await root.serve(sandbox.namespacePath, 'local', 80);
  assert.deepEqual(sandbox.ports, { '80/tcp': [
    { HostIp: '127.0.0.1', HostPort: '8100' },
    { HostIp: hostAddress, HostPort: '8101' },
    { HostIp: '::1', HostPort: '8102' },
  ] });
  const answers = async (port: number): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for (const address of ['127.0.0.1', '127.0.0.2', '::1', hostAddress, hostAddress6]) found[address] = (await ask(address, port)).split(' ')[0] ?? '';
    found['outside'] = (await ask(hostAddress, port, { from: outside })).split(' ')[0] ?? '';
    return found;
  };
  const closed = { '127.0.0.1': 'ECONNREFUSED', '127.0.0.2': 'ECONNREFUSED', '::1': 'ECONNREFUSED', [hostAddress]: 'ECONNREFUSED', [hostAddress6]: 'ECONNREFUSED', outside: 'ECONNREFUSED' };
  assert.deepEqual(await answers(8100), { ...closed, '127.0.0.1': 'local' });
  assert.deepEqual(await answers(8101), { ...closed, [hostAddress]: 'local', outside: 'local' });
  assert.deepEqual(await answers(8102), { ...closed, '::1': 'local' });
});

test('packets from outside to 127.0.0.0/8 must not reach a port published there', async (t) => {
  const sandbox = await networks.create(publishing('guarded', '127.0.0.9:8111:80'));
  await root.serve(sandbox.namespacePath, 'guarded', 80);
  // A host that lets such packets in by its own settings, and an outside that sends them.
  writeSysctl('net.ipv4.conf.all.route_localnet', '1');
  t.after(() => writeSysctl('net.ipv4.conf.all.route_localnet', '0'));
  const prepare = `echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route del table local local 127.0.0.0/8 dev lo; ip route add 127.0.0.9/32 via ${hostAddress} src ${outsideAddress}`;
  await succeed('nsenter', [`--net=${outside}`, 'sh', '-ec', prepare]);
  assert.match(await ask('127.0.0.9', 8111), /^guarded /);
  assert.equal(await ask('127.0.0.9', 8111, { from: outside }), 'timed out');
});

test('services at the host\'s loopback must be out of reach of containers', async () => {
  const sandbox = await networks.create(sandboxRequest('curious'));
  const { address = '', gateway = '' } = sandbox.endpoints['bridge'] ?? {};
  await root.run(`/proc/${process.pid}/ns/net`, String.raw`
import socket
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('127.0.0.1', 8700)); server.listen()
print('ready', flush=True)
while True:
    peer, _ = server.accept()
    peer.sendall(b'private'); peer.close()
`);
  assert.equal(await ask('127.0.0.1', 8700), 'private');
  assert.equal(await ask(gateway, 8700, { from: sandbox.namespacePath }), 'ECONNREFUSED');
  // A container that may, and sends packets for the loopback to its gateway.
  const prepare = `echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip route del table local local 127.0.0.0/8 dev lo; ip route del table local local 127.0.0.1 dev lo; ip route add 127.0.0.1/32 via ${gateway} src ${address}`;
  await succeed('nsenter', [`--net=${sandbox.namespacePath}`, 'sh', '-ec', prepare]);
  assert.equal(await ask('127.0.0.1', 8700, { from: sandbox.namespacePath }), 'timed out');
});

test('a port that is not published must be closed to the outside even by the container\'s own address', async () => {
  const sandbox = await networks.create(publishing('closed', '8120:80'));
  await root.serve(sandbox.namespacePath, 'closed', 80);
  await root.serve(sandbox.namespacePath, 'closed', 81);
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'route', 'add', '10.77.0.0/24', 'via', hostAddress]);
  const address = sandbox.endpoints['bridge']?.address ?? '';
  assert.equal(await ask(address, 81, { from: outside }), 'timed out');
  assert.equal(await ask(address, 80, { from: outside }), 'timed out');
  assert.match(await ask(address, 81), /^closed /);
  assert.match(await ask(hostAddress, 8120, { from: outside }), /^closed /);
});

test('random ports and ranges must be bound as they are told, the same for both families', async () => {
  const [first = 0] = (readSysctl('net.ipv4.ip_local_port_range') ?? '').split(/\s+/).map(Number);
  const sandbox = await networks.create({
    ...publishing('ranges', ':80', '8200-8202:81', '8200-8202:82'),
    exposedPorts: ['80/tcp', '81/tcp', '82/tcp', '83/tcp', '84/udp', '85/sctp', '86'],
  });
  const random = sandbox.ports['80/tcp']?.[0]?.HostPort;
  assert.ok(Number(random) >= first, random);
  const everywhere = (HostPort: string): { HostIp: string; HostPort: string }[] => [{ HostIp: '0.0.0.0', HostPort }, { HostIp: '::', HostPort }];
  assert.deepEqual(sandbox.ports, {
    '80/tcp': everywhere(String(random)),
    '81/tcp': everywhere('8200'),
    '82/tcp': everywhere('8201'),
    '83/tcp': null,
    '84/udp': null,
    '85/sctp': null,
    '86/tcp': null,
  });
  await root.serve(sandbox.namespacePath, 'ranges', 82);
  assert.match(await ask('127.0.0.1', 8201), /^ranges /);
});

test('publish-all must publish what is exposed at random ports', async () => {
  const sandbox = await networks.create(sandboxRequest('all', { exposedPorts: ['80/tcp', '53/udp'], publishAll: true }));
  await root.serve(sandbox.namespacePath, 'all', 80);
  await root.serve(sandbox.namespacePath, 'all', 53, 'udp');
  assert.match(await ask('127.0.0.1', sandbox.ports['80/tcp']?.[0]?.HostPort ?? ''), /^all /);
  assert.match(await ask('::1', sandbox.ports['53/udp']?.[1]?.HostPort ?? '', { protocol: 'udp' }), /^all /);
});

test('the relay must carry much data both ways and end each way on its own', async () => {
  const sandbox = await networks.create(publishing('bulk', '8300:80'));
  // Reads all until the client's end, only then answers with the digest and as much again.
  await root.run(sandbox.namespacePath, String.raw`
import hashlib, socket
server = socket.socket()
server.bind(('', 80)); server.listen()
print('ready', flush=True)
while True:
    peer, _ = server.accept()
    digest, count = hashlib.sha256(), 0
    while True:
        data = peer.recv(65536)
        if not data: break
        digest.update(data); count += len(data)
    peer.sendall(digest.hexdigest().encode() + b'\n' + b'x' * count)
    peer.close()
`);
  const data = randomBytes(8 * 1024 * 1024);
  const client = connect({ host: '::1', port: 8300, allowHalfOpen: true });
  client.end(data);
  let length = 0;
  let head = '';
  for await (const chunk of client as AsyncIterable<Buffer>) {
    if (length < 64) head += chunk.toString('latin1');
    length += chunk.length;
  }
  assert.equal(head.slice(0, 64), createHash('sha256').update(data).digest('hex'));
  assert.equal(length, 65 + data.length);
});

test('a stopped container\'s port must be closed and free at once', async () => {
  const request = publishing('brief', '8400:80', '127.0.0.1:8401:81', '8402:82/udp');
  const sandbox = await networks.create(request);
  await root.serve(sandbox.namespacePath, 'brief', 80);
  assert.match(await ask('127.0.0.1', 8400), /^brief /);
  await networks.destroy(request.containerId, sandbox);
  for (const address of ['127.0.0.1', '::1', hostAddress]) assert.equal(await ask(address, 8400), 'ECONNREFUSED', address);
  assert.equal(await ask(hostAddress, 8400, { from: outside }), 'ECONNREFUSED');
  const next = await networks.create(publishing('next', '8400:80', '127.0.0.1:8401:81', '8402:82/udp'));
  await root.serve(next.namespacePath, 'next', 80);
  await eventually(async () => assert.match(await ask('127.0.0.1', 8400), /^next /));
});

test('a client that keeps sending datagrams must reach the next container that has the port', async () => {
  const client = createSocket('udp4');
  try {
    let last = '';
    client.on('message', (answer) => { last = answer.toString().split(' ')[0] ?? ''; });
    const reached = (name: string): Promise<void> => eventually(async () => {
      client.send('hello\n', 8500, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(last, name);
    });
    const request = publishing('first', '8500:53/udp');
    const first = await networks.create(request);
    await root.serve(first.namespacePath, 'first', 53, 'udp');
    await reached('first');
    await networks.destroy(request.containerId, first);
    const filler = await networks.create(sandboxRequest('filler'));
    const second = await networks.create(publishing('second', '8500:53/udp'));
    assert.notEqual(second.endpoints['bridge']?.address, first.endpoints['bridge']?.address);
    assert.equal(filler.endpoints['bridge']?.address, first.endpoints['bridge']?.address);
    await root.serve(second.namespacePath, 'second', 53, 'udp');
    await reached('second');
  } finally {
    client.close();
  }
});

test('rules that somebody flushed must be back with the next published port, for earlier ones too', async () => {
  const early = await networks.create(publishing('early', '8600:80'));
  await root.serve(early.namespacePath, 'early', 80);
  await succeed('nft', ['flush', 'ruleset']);
  const late = await networks.create(publishing('late', '8601:80'));
  await root.serve(late.namespacePath, 'late', 80);
  assert.equal(await ask(hostAddress, 8600, { from: outside }), `early ${outsideAddress}`);
  assert.equal(await ask(hostAddress, 8601, { from: outside }), `late ${outsideAddress}`);
  assert.equal(warnings.length, 1);
  assert.match(warnings.pop() ?? '', /loaded again/);
});
