/** Log drivers that send to a server, on real containers and real sockets. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { datagramServer, streamServer } from './log-server.ts';

const hello = ['sh', '-c', 'echo hello; echo; sleep 0.1; echo oops >&2'];

test('logs must reach the servers of their drivers', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const make = async (Type: string, Config: Record<string, string>, Cmd: readonly string[] = hello): Promise<string> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: [...Cmd], Env: ['COLOR=blue'], HostConfig: { LogConfig: { Type, Config } } } as never);
    return Id;
  };
  const run = async (id: string): Promise<void> => {
    const { result } = await client.containers.wait(id, { condition: 'next-exit' });
    await client.containers.start(id);
    await result;
  };

  await t.test('syslog must get one line for each that is not empty, and logs must still be readable here', async () => {
    await using server = await datagramServer();
    const id = await make('syslog', { 'syslog-address': `udp://127.0.0.1:${server.port}`, 'syslog-format': 'rfc5424micro', 'syslog-facility': 'local3', tag: '{{.Name}}' });
    await run(id);
    await eventually('both lines are there', () => assert.equal(server.received.length, 2));
    assert.match(String(server.received[0]), /^<158>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\S+ \S+ \S+ \d+ \S+ - hello\n$/);
    assert.match(String(server.received[1]), /^<155>1 .* - oops\n$/);
    assert.equal(await daemon.logsOf(id), 'hello\n\noops\n');
  });

  await t.test('gelf must be cut into chunks and compressed', async () => {
    await using server = await datagramServer();
    await run(await make('gelf', { 'gelf-address': `udp://127.0.0.1:${server.port}`, env: 'COLOR' }));
    await eventually('both messages are there', () => assert.equal(server.received.length, 2));
    const first = JSON.parse(gunzipSync(server.received[0] ?? Buffer.alloc(0)).toString()) as Record<string, unknown>;
    assert.deepEqual([first['version'], first['short_message'], first['level'], first['_COLOR']], ['1.1', 'hello', 6, 'blue']);
    await using raw = await datagramServer();
    await run(await make('gelf', { 'gelf-address': `udp://127.0.0.1:${raw.port}`, 'gelf-compression-type': 'none' }, ['sh', '-c', 'head -c 4000 /dev/zero | tr "\\0" y; echo']));
    await eventually('all chunks are there', () => assert.equal(raw.received.length, raw.received[0]?.[11] ?? -1));
    const joined = Buffer.concat(raw.received.toSorted((a, b) => (a[10] ?? 0) - (b[10] ?? 0)).map((chunk) => chunk.subarray(12)));
    assert.equal((JSON.parse(joined.toString()) as Record<string, unknown>)['short_message'], 'y'.repeat(4000));
  });

  await t.test('fluentd must acknowledge each message where it is asked to', async () => {
    await using server = await streamServer((chunk) => {
      const place = chunk.indexOf('\xa5chunk', 0, 'latin1');
      // {"ack": the chunk's id}, whose text is 24 characters long.
      return place === -1 ? undefined : Buffer.concat([Buffer.from([0x81, 0xa3]), Buffer.from('ack'), chunk.subarray(place + 6, place + 6 + 25)]);
    });
    const id = await make('fluentd', { 'fluentd-address': `127.0.0.1:${server.port}`, 'fluentd-request-ack': 'true', 'fluentd-sub-second-precision': 'true' });
    await run(id);
    await eventually('all are there', () => assert.match(server.received.toString('latin1'), /\xa3log\xa5hello[^]*\xa3log\xa0[^]*\xa3log\xa4oops/));
    assert.equal(server.received[13 + 1], 0xd7);
  });

  await t.test('splunk must get its events with the token', async () => {
    await using server = await streamServer(() => Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
    await run(await make('splunk', { 'splunk-url': `http://127.0.0.1:${server.port}`, 'splunk-token': 'abc', 'splunk-format': 'raw' }));
    await eventually('all are there', () => assert.match(server.received.toString(), /^OPTIONS [^]*POST \/services\/collector\/event\/1\.0 [^]*Authorization: Splunk abc[^]*\{"event":"[0-9a-f]{12} hello","time":"\d+\.\d{6}","host":"[^]*oops/));
  });

  await t.test('a server that is not there must refuse the start with the reason', async () => {
    await using server = await streamServer();
    await server.pause();
    const id = await make('syslog', { 'syslog-address': `tcp://127.0.0.1:${server.port}` });
    await assert.rejects(client.containers.start(id), { message: `failed to create task for container: failed to initialize logging driver: dial tcp 127.0.0.1:${server.port}: connect: connection refused` });
    await client.containers.remove(id);
    const unread = await make('syslog', { 'syslog-address': `udp://127.0.0.1:${server.port}`, 'cache-disabled': 'true' });
    await run(unread);
    await assert.rejects(daemon.logsOf(unread), { message: 'configured logging driver does not support reading' });
  });

  await t.test('nothing must be lost while the server is away, files rotate, and the daemon is killed', async () => {
    await using server = await streamServer();
    const lines = 3000;
    const id = await make(
      'syslog',
      { 'syslog-address': `tcp://127.0.0.1:${server.port}`, 'cache-max-size': '20k', 'cache-max-file': '2' },
      ['sh', '-c', `i=0; while [ $i -lt ${lines} ]; do echo "line $i end"; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.05; done; sleep 1000`],
    );
    await client.containers.start(id);
    await eventually('some lines came', () => assert.ok(server.received.includes('line 50 end')));
    await server.pause();
    await daemon.kill();
    await daemon.launch();
    await server.resume();
    const seen = (): Set<string> => new Set([...server.received.toString().matchAll(/line (\d+) end/g)].map((match) => match[1] ?? ''));
    await eventually('every line came', () => assert.equal(seen().size, lines));
    const directory = join(daemon.dataRoot, 'containers', id);
    await eventually('what was sent is not kept beyond what logs may read', () => {
      const rotated = readdirSync(directory).filter((name) => /json\.log\.\d/.test(name));
      assert.ok(rotated.length <= 1, rotated.join());
    });
    await client.containers.kill(id);
  });

  await t.test('rotated files must be compressed where that is asked for, and still be read', async () => {
    const id = await make('json-file', { 'max-size': '10k', 'max-file': '3', compress: 'true' }, ['sh', '-c', 'i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i+1)); done; sleep 1000']);
    await client.containers.start(id);
    const directory = join(daemon.dataRoot, 'containers', id);
    await eventually('there are two', () => assert.equal(readdirSync(directory).filter((name) => name.endsWith('.gz')).length, 2));
    const text = await daemon.logsOf(id);
    const numbers = text.trim().split('\n').map((line) => Number(line.slice(5)));
    assert.equal(numbers.at(-1), 399);
    assert.deepEqual(numbers, numbers.map((_, at) => 400 - numbers.length + at));
    await client.containers.kill(id);
  });
});
