import assert from 'node:assert/strict';
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { bytes, flag, integer, list, map, messageType, nested, text, texts, bigInteger } from '#base/protobuf/message-type.ts';
import { GrpcClient } from './grpc-client.ts';
import { unary, type GrpcMethods } from './grpc-call.ts';
import { serveGrpc } from './grpc-server.ts';
import { GrpcError } from './grpc-status.ts';

const Inner = messageType({ word: text(1), size: integer(2) });
const Outer = messageType({ name: text(1), inner: nested(2, Inner), many: list(3, Inner), names: texts(4), raw: bytes(5), yes: flag(6), labels: map(7, text(2)), moment: bigInteger(8) });

test('messages must come back as they were, with large and negative numbers', () => {
  const message = Outer.of({
    name: 'ünïcode', inner: { word: '', size: 2 ** 40 }, many: [{ word: 'a', size: 0 }, { word: 'b', size: -1 }], names: ['x', ''], raw: Buffer.from([0, 255]), yes: true,
    labels: { a: 'b', __proto__x: '' }, moment: -(2n ** 62n),
  });
  assert.deepEqual(Outer.decode(Outer.encode(message)), message);
  assert.equal(Outer.encode({}).length, 0);
  assert.deepEqual(Outer.decode(Buffer.alloc(0)), Outer.of());
});

test('a map must not reach the prototype', () => {
  const decoded = Outer.decode(Outer.encode({ labels: Object.fromEntries([['constructor', 'x']]) }));
  assert.deepEqual(Object.entries(decoded.labels), [['constructor', 'x']]);
  const crafted = Buffer.from([0x3a, 0x0e, 0x0a, 0x09, ...Buffer.from('__proto__'), 0x12, 0x01, 0x79]);
  const polluted = Outer.decode(crafted);
  assert.equal(Object.getPrototypeOf(polluted.labels), Object.prototype);
});

test('broken messages must be refused', () => {
  for (const hex of ['0a', '0a05', '08', '08ffffffffffffffffffffff01', '0a0161ff', '0b', '40', '12020a05']) {
    assert.throws(() => Outer.decode(Buffer.from(hex, 'hex')), RangeError, hex);
  }
});

async function pair(t: TestContext, methods: GrpcMethods): Promise<GrpcClient> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const accepted = once(server, 'connection');
  const client = new GrpcClient(createConnection(address.port, '127.0.0.1'));
  const [connection] = (await accepted) as [Socket];
  const stop = new AbortController();
  const serving = serveGrpc(connection, { methods, signal: stop.signal, onFault: () => undefined });
  t.after(async () => {
    client[Symbol.dispose]();
    stop.abort();
    await serving;
    server.close();
  });
  return client;
}

test('calls must carry messages, metadata, status and details', async (t) => {
  const client = await pair(t, new Map([
    ['/t/Echo', unary(async (request, { metadata }) => Buffer.from(`${request.toString()} ${String(metadata['x-name'])}`))],
    ['/t/Fail', unary(async () => { throw new GrpcError(5, 'not hére: 100%', { details: Buffer.from('why') }); })],
    ['/t/Count', async (call) => { for await (const message of call.messages) await call.send(Buffer.concat([message, message])); }],
    ['/t/Wait', async (call) => { await new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason as Error))); }],
  ]));
  const { signal } = new AbortController();
  assert.equal((await client.unary('/t/Echo', Buffer.from('hi'), { signal, metadata: { 'x-name': ['a', 'b'] } })).toString(), 'hi a, b');
  await assert.rejects(client.unary('/t/Fail', Buffer.alloc(0), { signal }), (error: GrpcError) => error.code === 5 && error.message === 'not hére: 100%' && error.details?.toString() === 'why');
  await assert.rejects(client.unary('/t/None', Buffer.alloc(0), { signal }), (error: GrpcError) => error.code === 12);

  const stream = client.call('/t/Count', { signal });
  const big = Buffer.alloc(3_000_000, 7);
  void (async () => {
    for (const message of [Buffer.alloc(0), big, Buffer.from('z')]) await stream.send(message);
    stream.end();
  })();
  const lengths: number[] = [];
  for await (const message of stream.messages) lengths.push(message.length);
  assert.deepEqual(lengths, [0, 6_000_000, 2]);

  const cancel = new AbortController();
  const waiting = client.unary('/t/Wait', Buffer.alloc(0), { signal: cancel.signal });
  cancel.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });
});

test('calls must fail when the connection ends', async (t) => {
  const client = await pair(t, new Map([['/t/Wait', async (call) => { await new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason as Error))); }]]));
  const waiting = client.unary('/t/Wait', Buffer.alloc(0), { signal: new AbortController().signal });
  client[Symbol.dispose]();
  await assert.rejects(waiting, GrpcError);
  assert.throws(() => client.call('/t/Wait', { signal: new AbortController().signal }));
});
