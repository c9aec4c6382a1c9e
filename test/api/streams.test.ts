/** Replies that come in pieces: waits, logs, events, progress, archives; and clients that leave. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import test from 'node:test';
import { fail } from '#base/errors/failure.ts';
import { ApiFixture } from './api-fixture.ts';
import { frame } from './engine-double.ts';

test('wait must send its headers at once and the status at the exit', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  using client = api.connect();
  client.request('POST', '/v1.51/containers/a/wait?condition=next-exit');
  const head = await client.head();
  assert.deepEqual([head.status, head.headers.get('content-type')], [200, 'application/json']);
  assert.equal(api.engine.last('containers.wait')[1], 'next-exit');
  api.engine.exit('a', 7);
  assert.equal((await client.chunk()).toString(), '{"StatusCode":7}\n');
});

test('wait must name a wrong condition, which versions before 1.30 did not have', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.exit('a', 7);
  assert.equal((await api.ask('POST', '/v1.51/containers/a/wait?condition=bogus')).body, '{"message":"invalid condition: \\"bogus\\""}\n');
  const old = await api.ask('POST', '/v1.29/containers/a/wait?condition=bogus');
  assert.deepEqual([old.body, old.headers.get('content-length')], ['{"StatusCode":7}\n', '17']);
});

test('logs must be of the right type and in the engine’s pieces', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.addContainer('tty', { Tty: true });
  api.engine.logChunks = [frame(1, 'out\n'), frame(2, 'err\n')];
  const type = async (target: string): Promise<string | undefined> => (await api.ask('GET', target)).headers.get('content-type');
  assert.equal(await type('/v1.51/containers/a/logs?stdout=1'), 'application/vnd.docker.multiplexed-stream');
  assert.equal(await type('/v1.41/containers/a/logs?stdout=1'), 'application/vnd.docker.raw-stream');
  assert.equal(await type('/v1.51/containers/tty/logs?stdout=1'), 'application/vnd.docker.raw-stream');
  const got = await api.ask('GET', '/v1.51/containers/a/logs?stdout=1&stderr=1&since=5&until=6.5&tail=3&timestamps=1&details=1');
  assert.equal(got.body, Buffer.concat(api.engine.logChunks).toString());
  assert.deepEqual(api.engine.last('containers.logs')[1], { stdout: true, stderr: true, follow: false, since: '5', until: '6.5', tail: '3', timestamps: true, details: true });
  assert.equal((await api.ask('GET', '/v1.51/containers/a/logs')).body, '{"message":"Bad parameters: you must choose at least one stream"}\n');
});

test('a client that leaves, or only stops sending, must end what it waits for', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  api.engine.logFollows = true;
  for (const leave of ['destroy', 'end'] as const) {
    const client = api.connect();
    client.request('GET', '/v1.51/containers/a/logs?stdout=1&follow=1');
    await client.head();
    const signal = api.engine.signals.at(-1);
    assert.ok(signal !== undefined && !signal.aborted);
    client.socket[leave]();
    await once(signal, 'abort');
    await client.closed();
  }
  assert.deepEqual(api.log.filter(({ level }) => level === 'error'), []);
});

test('what has begun must be finished though the client has gone', async () => {
  await using api = await ApiFixture.open();
  api.engine.addContainer('a');
  const client = api.connect();
  client.request('POST', '/v1.51/containers/a/stop');
  client.socket.end();
  await client.answer();
  client.socket.destroy();
  assert.equal(api.engine.signals.at(-1)?.aborted, false);
});

test('events must come as lines as they happen, and the images’ creation not before 1.46', async () => {
  await using api = await ApiFixture.open();
  using client = api.connect();
  client.request('GET', '/v1.45/events?filters=%7B%22bogus%22%3A%5B%22x%22%5D%7D');
  assert.equal((await client.head()).headers.get('content-type'), 'application/json');
  assert.partialDeepStrictEqual(api.engine.last('system.events'), [{ since: undefined, until: undefined, filters: { bogus: ['x'] } }]);
  api.engine.publish({ Type: 'image', Action: 'create' });
  api.engine.publish({ Actor: { ID: 'x', Attributes: { name: '<a>' } } });
  assert.equal((await client.chunk()).toString(), '{"Type":"container","Action":"start","Actor":{"ID":"x","Attributes":{"name":"\\u003ca\\u003e"}},"scope":"local","time":1,"timeNano":1}\n');
});

test('events of the past must end, and times that contradict each other be refused', async () => {
  await using api = await ApiFixture.open();
  api.engine.publish({});
  assert.equal((await api.ask('GET', '/v1.51/events?since=1.5&until=2')).body.split('\n').length, 2);
  assert.partialDeepStrictEqual(api.engine.last('system.events'), [{ since: 1_500_000_000n, until: 2_000_000_000n }]);
  assert.equal((await api.ask('GET', '/v1.51/events?since=5&until=3')).body, '{"message":"`since` time (5) cannot be after `until` time (3)"}\n');
  assert.equal((await api.ask('GET', '/v1.51/events?since=bogus')).status, 500);
});

test('progress must come in lines ended as Docker ends them', async () => {
  await using api = await ApiFixture.open();
  api.engine.progress = [{ status: 'Pulling <x>' }, { stream: 'Loaded image: a\n' }];
  const got = await api.ask('POST', '/v1.51/images/bootstrap?name=busybox');
  assert.equal(got.headers.get('content-type'), 'application/json');
  assert.equal(got.body, '{"status":"Pulling \\u003cx\\u003e"}\r\n{"stream":"Loaded image: a\\n"}\r\n');
  assert.deepEqual(api.engine.last('images.bootstrap')[0], 'busybox');
});

test('an error before the first line must be a status, after it a line; of a load always a line', async () => {
  await using api = await ApiFixture.open();
  api.engine.progress = [fail('image.not_found', { reference: 'x' })];
  const early = await api.ask('POST', '/v1.51/images/create?fromImage=x');
  assert.deepEqual([early.status, early.body], [404, '{"message":"No such image: x"}\n']);
  const line = '{"errorDetail":{"message":"No such image: x"},"error":"No such image: x"}\r\n';
  const load = await api.ask('POST', '/v1.51/images/load', 'tar');
  assert.deepEqual([load.status, load.body], [200, line]);
  api.engine.progress = [{ status: 'begun' }, ...api.engine.progress];
  const late = await api.ask('POST', '/v1.51/images/create?fromImage=x');
  assert.deepEqual([late.status, late.body], [200, `{"status":"begun"}\r\n${line}`]);
});

test('archives must be taken as they come, in any size, and their parameters passed on', async () => {
  await using api = await ApiFixture.open();
  api.engine.progress = [{ status: 'sha256:1' }];
  const archive = Buffer.alloc(20 * 1024 * 1024, 'x');
  const loaded = await api.ask('POST', '/v1.51/images/load?quiet=0', archive, { 'Content-Type': 'application/x-tar' });
  assert.equal(loaded.status, 200);
  assert.equal(api.engine.received, archive.length);
  assert.partialDeepStrictEqual(api.engine.last('images.load'), [{ quiet: false }]);
  await api.ask('POST', '/v1.51/images/create?fromSrc=-&repo=a&tag=b&changes=CMD%20x&changes=ENV%20a=b&message=m', 'tar');
  assert.partialDeepStrictEqual(api.engine.last('images.import'), [{ repository: 'a', tag: 'b', message: 'm', changes: ['CMD x', 'ENV a=b'], platform: '', source: '-' }]);
  assert.equal(api.engine.received, archive.length + 3);
  await api.ask('POST', '/v1.51/images/create?fromSrc=http://x/y');
  assert.partialDeepStrictEqual(api.engine.last('images.import'), [{ source: 'http://x/y', message: 'Imported from http://x/y' }]);
});

test('an upload that breaks off must end what reads it, and be no error of ours', async () => {
  await using api = await ApiFixture.open();
  const client = api.connect();
  client.write('POST /v1.51/images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart');
  using other = api.connect();
  while (api.engine.received < 4) {
    other.request('GET', '/_ping');
    await other.answer();
  }
  const signal = api.engine.signals.at(-1) ?? assert.fail();
  const aborted = once(signal, 'abort');
  client.socket.destroy();
  await aborted;
  while (!api.log.some(({ message }) => message.startsWith('POST /images/load was given up'))) {
    other.request('GET', '/_ping');
    await other.answer();
  }
  assert.deepEqual(api.log.filter(({ level }) => level === 'error'), []);
});

test('save must stream, wait for a slow client, and cut the connection when it breaks in the middle', async () => {
  await using api = await ApiFixture.open();
  let given = 0;
  api.engine.archive = () =>
    Readable.from(
      (function* () {
        for (let count = 0; count < 1024; count++) {
          given += 64 * 1024;
          yield Buffer.alloc(64 * 1024);
        }
      })(),
    );
  using slow = api.connect();
  slow.request('GET', '/v1.51/images/get?names=a&names=b');
  slow.socket.pause();
  using other = api.connect();
  // Other requests are served meanwhile; by then the archive has come as far as it can.
  for (let count = 0; count < 50; count++) {
    other.request('GET', '/_ping');
    await other.answer();
  }
  assert.ok(given > 0 && given < 16 * 1024 * 1024, `${given} bytes were made for a client that does not read`);
  assert.deepEqual(api.engine.last('images.save')[0], ['a', 'b']);
  slow.socket.resume();
  assert.equal((await slow.answer()).body.length, 64 * 1024 * 1024);

  api.engine.archive = () =>
    Readable.from(
      (function* () {
        yield Buffer.from('part');
        throw new Error('disk is gone');
      })(),
    );
  using broken = api.connect();
  broken.request('GET', '/v1.51/images/x/get');
  await broken.head();
  const rest = (await broken.takeRest()).toString();
  assert.equal(rest.includes('0\r\n\r\n'), false);
  assert.equal(api.log.at(-1)?.message, 'Handler for GET /images/x/get returned error: disk is gone');
});
