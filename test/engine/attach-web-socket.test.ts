/** Attaching over a WebSocket, with Node's own client against the daemon's TCP or unix socket. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

/** Frames of a client are masked (RFC 6455 section 5.3). */
function masked(opcode: number, text: string): Buffer {
  const mask = randomBytes(4);
  const payload = Buffer.from(text).map((byte, at) => byte ^ (mask[at & 3] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, payload]);
}

async function open(daemon: TestDaemon, id: string, query: string): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect(daemon.socket);
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(`GET /v1.51/containers/${id}/attach/ws?${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  const received = (): Buffer => Buffer.concat(chunks);
  await eventually('the socket is open', () => assert.ok(received().includes('\r\n\r\n')));
  return { socket, received };
}

test('attach must work over a WebSocket', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;

  await t.test('both ways, each output a message, with pings answered and a close at the end', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'read line; echo "got $line"; echo bad >&2'], OpenStdin: true, StdinOnce: true });
    await client.containers.start(Id);
    const { socket, received } = await open(daemon, Id, 'stream=1&stdin=1&stdout=1&stderr=1');
    assert.match(received().toString(), /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n/);
    socket.write(masked(9, 'there?'));
    socket.write(masked(2, 'he'));
    socket.write(masked(1, 'llo\n'));
    if (!socket.readableEnded) await once(socket, 'end');
    const frames = received().subarray(received().indexOf('\r\n\r\n') + 4).toString('latin1');
    for (const frame of ['\x8a\x06there?', '\x82\x0agot hello\n', '\x82\x04bad\n']) assert.ok(frames.includes(frame), JSON.stringify(frames));
    assert.ok(frames.endsWith('\x88\x02\x03\xe8'), JSON.stringify(frames));
    socket.destroy();
  });

  await t.test('a client that closes must leave the container running', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['cat'], OpenStdin: true });
    await client.containers.start(Id);
    const { socket, received } = await open(daemon, Id, 'stream=1&stdin=1&stdout=1');
    socket.write(masked(2, 'x'.repeat(100)));
    await eventually('the echo came', () => assert.ok(received().includes('x'.repeat(100))));
    socket.write(masked(8, '\x03\xe8'));
    if (!socket.readableEnded) await once(socket, 'end');
    assert.equal((await client.containers.inspect(Id)).State.Running, true);
    await client.containers.kill(Id);
    socket.destroy();
  });

  await t.test('what is no request for a WebSocket must be refused', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['cat'] });
    const socket = connect(daemon.socket);
    socket.end(`GET /v1.51/containers/${Id}/attach/ws HTTP/1.1\r\nHost: x\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.equal(text, 'HTTP/1.1 400 Bad Request\r\n\r\nnot websocket protocol');
  });
});
