import assert from 'node:assert/strict';
import { createConnection, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { CallLink } from './call-link.ts';
import { unary, type GrpcMethods } from './grpc-call.ts';
import { GrpcError } from './grpc-status.ts';

const never = new AbortController().signal;

async function pair(t: TestContext, { ofClient = new Map(), ofDaemon = new Map() }: { ofClient?: GrpcMethods; ofDaemon?: GrpcMethods }): Promise<{ client: CallLink; daemon: CallLink; socket: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const accepted = once(server, 'connection');
  const socket = createConnection(address.port, '127.0.0.1');
  const client = new CallLink(socket, { side: 'client', methods: ofClient, onFault: () => undefined });
  const [connection] = (await accepted) as [Socket];
  const daemon = new CallLink(connection, { side: 'daemon', methods: ofDaemon, onFault: () => undefined });
  t.after(() => {
    client[Symbol.dispose]();
    daemon[Symbol.dispose]();
    server.close();
  });
  return { client, daemon, socket };
}

test('calls must go both ways at once with messages, metadata, status and details', async (t) => {
  const { client, daemon } = await pair(t, {
    ofClient: new Map([['/t/Name', unary(async (request, { values }) => Buffer.from(`${request.toString()} ${values('x-name').join('+')}`))]]),
    ofDaemon: new Map([
      ['/t/Fail', unary(async () => { throw new GrpcError(5, 'not hére: 100%', { details: Buffer.from('why') }); })],
      ['/t/Count', async (call) => { for await (const message of call.messages) await call.send(Buffer.concat([message, message])); }],
    ]),
  });
  const [name, failure] = await Promise.all([
    daemon.unary('/t/Name', Buffer.from('é'), { signal: never, metadata: { 'x-name': ['a', 'b'] } }),
    client.unary('/t/Fail', Buffer.alloc(0), { signal: never }).catch((error: unknown) => error),
  ]);
  assert.equal(name.toString(), 'é a+b');
  assert(failure instanceof GrpcError);
  assert.deepEqual([failure.code, failure.message, failure.details?.toString()], [5, 'not hére: 100%', 'why']);
  await assert.rejects(client.unary('/t/None', Buffer.alloc(0), { signal: never }), { code: 12 });
  const call = client.call('/t/Count', { signal: never });
  for (const size of [0, 1, 100_000, 3]) await call.send(Buffer.alloc(size, 7));
  call.end();
  assert.deepEqual((await Array.fromAsync(call.messages)).map((message) => message.length), [0, 2, 200_000, 6]);
});

test('a call that nobody reads must hold its sender back and no other call', async (t) => {
  const open = Promise.withResolvers<void>();
  const { client } = await pair(t, {
    ofDaemon: new Map([
      ['/t/Slow', async (call) => {
        await open.promise;
        let length = 0;
        for await (const message of call.messages) length += message.length;
        await call.send(Buffer.from(String(length)));
      }],
      ['/t/Echo', unary(async (request) => await Promise.resolve(request))],
    ]),
  });
  const slow = client.call('/t/Slow', { signal: never });
  let sent = 0;
  const sending = (async () => {
    for (let count = 0; count < 256; count++) {
      await slow.send(Buffer.alloc(64 * 1024));
      sent++;
    }
    slow.end();
  })();
  for (let count = 0; count < 50; count++) assert.equal((await client.unary('/t/Echo', Buffer.from('x'), { signal: never })).toString(), 'x');
  assert.ok(sent <= 17, `${sent} pieces of 64 KiB were taken without being read`);
  open.resolve();
  await sending;
  const [answer] = await Array.fromAsync(slow.messages);
  assert.equal(answer?.toString(), String(16 * 1024 * 1024));
});

test('a call that is given up must stop at the other end, and an end of the connection must fail all calls', async (t) => {
  const stopped = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  const { client, socket } = await pair(t, {
    ofDaemon: new Map([['/t/Wait', async (call) => {
      waiting.resolve();
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true }));
      stopped.resolve();
    }]]),
  });
  const stop = new AbortController();
  const given = client.unary('/t/Wait', Buffer.alloc(0), { signal: stop.signal });
  await waiting.promise;
  stop.abort(new Error('enough'));
  await assert.rejects(given, /enough/);
  await stopped.promise;
  const cut = client.unary('/t/Wait', Buffer.alloc(0), { signal: never });
  socket.destroy();
  await assert.rejects(cut, GrpcError);
  assert.ok(client.gone.aborted);
  assert.throws(() => client.call('/t/Wait', { signal: never }), GrpcError);
});

test('bytes that are no frames must end the connection and nothing else', async (t) => {
  for (const junk of [Buffer.alloc(64, 0xff), Buffer.from([0, 0, 0, 1, 1, 0, 0, 0, 1, 0x7b]), Buffer.from([0, 0, 0, 0, 99, 0, 0, 0, 1])]) {
    const { daemon, socket } = await pair(t, {});
    socket.write(junk);
    if (junk[4] === 99) socket.end();
    if (!daemon.gone.aborted) await once(daemon.gone, 'abort');
    await daemon.settled();
  }
});
