import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'node:test';
import { gelfDriver } from './gelf-driver.ts';

test('a message that does not fit into the datagrams of GELF must be told of, and those around it be sent', async () => {
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const received: string[] = [];
  server.on('message', (message) => received.push(String(message)));
  const warnings: string[] = [];
  const info = {
    options: { 'gelf-address': `udp://127.0.0.1:${server.address().port}`, 'gelf-compression-type': 'none' },
    containerId: 'c0ffee', containerName: '/name', path: 'sh', args: [], imageId: 'sha256:0', imageName: 'busybox', created: '2024-01-01T00:00:00Z', env: [], labels: {},
  };
  const sink = await gelfDriver.open(info, new AbortController().signal, (message) => warnings.push(message));
  try {
    const messageOf = (line: Buffer) => ({ stream: 'stdout', time: 1n, line, partial: undefined }) as const;
    const arrived = once(server, 'message').then(() => once(server, 'message'));
    await sink.send([messageOf(Buffer.from('before')), messageOf(Buffer.alloc(300_000, 'x')), messageOf(Buffer.from('after'))], new AbortController().signal);
    await arrived;
    assert.deepEqual(received.map((text) => (JSON.parse(text) as Record<string, unknown>)['short_message']), ['before', 'after']);
    assert.match(warnings.join('\n'), /^a message of container c0ffee was not sent: its 300\d{3} bytes do not fit into the 128 datagrams/);
  } finally {
    sink.close();
    server.close();
  }
});
