/** Interfaces in firewalld's zone: by its table in a private host, and a bus that plays firewalld. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runProgram } from '#kernel/run-program.ts';
import { callSystemBus, writeCall } from '#kernel/system-bus.ts';
import { FirewallZones } from '#network/firewall-zones.ts';
import { enterPrivateHost, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();

/** A bus that answers Hello, then the call as it is told: undefined returns, a text is an error's. It keeps what it was asked. */
async function playBus(t: TestContext, answer: (request: Buffer) => string | undefined, running = true): Promise<{ path: string; asked: Buffer[] }> {
  const root = new TestRoot();
  const path = join(root.path, 'bus');
  const asked: Buffer[] = [];
  const hello = writeCall({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'Hello', arguments: [] }, 1);
  const server = createServer((socket: Socket) => {
    let received = Buffer.alloc(0);
    let greeted = false;
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!greeted && received.includes('\r\n')) {
        assert.match(received.toString('latin1'), /^\0AUTH EXTERNAL [0-9a-f]+\r\n$/);
        greeted = true;
        received = Buffer.alloc(0);
        socket.write('OK 0123456789abcdef0123456789abcdef\r\n');
        return;
      }
      const begin = Buffer.from('BEGIN\r\n');
      if (received.length <= begin.length + hello.length) return;
      assert.deepEqual(received.subarray(0, begin.length + hello.length), Buffer.concat([begin, hello]));
      const request = received.subarray(begin.length + hello.length);
      received = Buffer.alloc(0);
      const aboutOwner = request.includes('GetNameOwner');
      if (!aboutOwner) asked.push(request);
      else assert.ok(request.includes('org.fedoraproject.FirewallD1\0'));
      const refusal = aboutOwner ? undefined : answer(request);
      const owner = running ? reply(2, ':1.5') : reply(2, 'Could not get owner of name', 'org.freedesktop.DBus.Error.NameHasNoOwner');
      // In pieces, as streams may be.
      const bytes = Buffer.concat([reply(1, ':1.7'), aboutOwner ? owner : refusal === undefined ? reply(2) : reply(2, refusal, 'org.fedoraproject.FirewallD1.Exception')]);
      for (const [start, end] of [[0, 20], [20, 50], [50, bytes.length]] as const) socket.write(bytes.subarray(start, end));
    });
  }).listen(path);
  t.after(async () => {
    server.close();
    await root[Symbol.asyncDispose]();
  });
  return { path, asked };
}

/** A return or an error with a string, by the D-Bus specification. */
function reply(serial: number, text?: string, errorName?: string): Buffer {
  const string = (value: string): Buffer => Buffer.concat([u32(value.length), Buffer.from(`${value}\0`)]);
  const fields: Buffer[] = [];
  const add = (code: number, signature: string, value: Buffer): void => {
    const length = Buffer.concat(fields).length;
    fields.push(Buffer.alloc((8 - (length % 8)) % 8), Buffer.from([code, 1]), Buffer.from(`${signature}\0`), value);
  };
  add(5, 'u', u32(serial));
  if (errorName !== undefined) add(4, 's', string(errorName));
  if (text !== undefined) add(8, 'g', Buffer.from('\u0001s\0'));
  const list = Buffer.concat(fields);
  const body = text === undefined ? Buffer.alloc(0) : string(text);
  const head = Buffer.concat([Buffer.from([0x6c, errorName === undefined ? 2 : 3, 1, 1]), u32(body.length), u32(serial + 40), u32(list.length), list]);
  return Buffer.concat([head, Buffer.alloc((8 - (head.length % 8)) % 8), body]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const soon = (): AbortSignal => AbortSignal.timeout(5000);
const call = { destination: 'a.b', path: '/a', interface: 'a.b.C', member: 'Do', arguments: ['one', 'two'] } as const;

test('a call must go over the wire as the specification has it', () => {
  assert.equal(writeCall(call, 2).toString('hex'), [
    '6c010001', '10000000', '02000000', '48000000',
    '01016f00', '02000000', '2f610000', '00000000', '02017300', '05000000', '612e622e', '43000000',
    '03017300', '02000000', '446f0000', '00000000', '06017300', '03000000', '612e6200', '00000000', '08016700', '02737300',
    // The arguments.
    '03000000', '6f6e6500', '03000000', '74776f00',
  ].join(''));
});

test('a refusal over the bus must be told with its reason, and so must a bus that is not there or silent', async (t) => {
  const { path } = await playBus(t, () => 'INVALID_ZONE: trusted');
  await assert.rejects(callSystemBus(call, { socketPath: path, signal: soon() }), { code: 'kernel.bus_call_failed', message: 'call of Do over the system bus failed: INVALID_ZONE: trusted' });
  await assert.rejects(callSystemBus(call, { socketPath: `${path}-absent`, signal: soon() }), { code: 'kernel.bus_call_failed', message: /ENOENT/ });
  const silent = createServer().listen(`${path}-silent`);
  t.after(() => silent.close());
  await assert.rejects(callSystemBus(call, { socketPath: `${path}-silent`, signal: AbortSignal.timeout(50) }), { code: 'kernel.bus_call_failed' });
});

test('bridges must be put into the zone where firewalld has its table, and nobody be asked elsewhere', async (t) => {
  let refusal: string | undefined;
  const warnings: string[] = [];
  const { path, asked } = await playBus(t, () => refusal, false);
  using zones = new FirewallZones({ warn: (message) => warnings.push(message), socketPath: path });
  await zones.join(['br-one']);
  assert.equal(asked.length, 0);
  await succeed('nft', ['add table inet firewalld']);
  await zones.join(['br-one', 'br-two']);
  assert.deepEqual(asked.map((request) => /changeZoneOfInterface.*trusted.*(br-\w+)/s.exec(request.toString('latin1'))?.[1]), ['br-one', 'br-two']);
  refusal = 'UNKNOWN_INTERFACE: br-one';
  await zones.leave('br-one');
  assert.match(asked[2]?.toString('latin1') ?? '', /removeInterface/);
  assert.deepEqual(warnings, []);
  refusal = 'INVALID_ZONE: trusted';
  await zones.join(['br-one']);
  assert.match(warnings.join(), /br-one.*INVALID_ZONE/);
});

test('firewalld must be found by the bus where its rules are in no table of its own, and be told of bridges again and again', async (t) => {
  await runProgram('nft', ['delete', 'table', 'inet', 'firewalld']);
  const warnings: string[] = [];
  const { path, asked } = await playBus(t, () => undefined);
  let now = 0;
  using zones = new FirewallZones({ warn: (message) => warnings.push(message), socketPath: path, now: () => now });
  assert.equal(zones.isDue, false);
  await zones.join(['br-one']);
  await zones.leave('br-one');
  assert.deepEqual(asked.map((request) => /(changeZoneOfInterface|removeInterface).*trusted.*br-one/s.exec(request.toString('latin1'))?.[1]), ['changeZoneOfInterface', 'removeInterface']);
  // Its reloads go unseen.
  assert.equal(zones.isDue, false);
  now += 5000;
  assert.equal(zones.isDue, true);
  await zones.join([]);
  assert.equal(zones.isDue, false);
  // With a table its changes tell.
  await succeed('nft', ['add table inet firewalld']);
  await zones.join(['br-one']);
  now += 60_000;
  assert.equal(zones.isDue, false);
  await succeed('nft', ['delete table inet firewalld']);
  assert.deepEqual(warnings, []);
});

test('a machine without firewalld or without a bus must not be asked each time, and one whose bus is stuck be told of', async (t) => {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const { path, asked } = await playBus(t, () => undefined, false);
  let now = 0;
  using zones = new FirewallZones({ warn, socketPath: path, now: () => now });
  await zones.join(['br-one']);
  assert.deepEqual(asked, []);
  now += 30_000;
  assert.equal(zones.isDue, true, 'it may come later');
  using busless = new FirewallZones({ warn, socketPath: `${path}-absent` });
  await busless.join(['br-one']);
  assert.deepEqual(warnings, []);
  const refusing = createServer((socket) => socket.end('REJECTED\r\n')).listen(`${path}-refusing`);
  t.after(() => refusing.close());
  using stuck = new FirewallZones({ warn, socketPath: `${path}-refusing` });
  await stuck.join(['br-one']);
  await stuck.join(['br-one']);
  assert.deepEqual(warnings, ['whether firewalld runs cannot be asked: call of GetNameOwner over the system bus failed: the bus refuses the connection: REJECTED']);
});
