/** The client against a daemon that misbehaves in every way a daemon may. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { ApiError, ConnectionError } from '#client/client-error.ts';
import { Client } from '#client/client.ts';
import { parseEndpoint } from '#client/endpoint.ts';
import { FakeDaemon, frame, type FakeDaemonOptions } from './fake-daemon.ts';

async function connected(options: FakeDaemonOptions, apiVersion?: string): Promise<{ daemon: FakeDaemon; client: Client } & AsyncDisposable> {
  const daemon = await FakeDaemon.start(options);
  const client = new Client({ endpoint: parseEndpoint(`unix://${daemon.socketPath}`), apiVersion });
  return {
    daemon, client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

test('requests must share a connection, and the first must need no ping', async () => {
  await using pair = await connected({ answer: () => ({ status: 200, json: [] }) });
  await pair.client.containers.list();
  await pair.client.containers.list({ all: true, filters: { name: ['a b'] } });
  assert.deepEqual(pair.daemon.calls, ['GET /containers/json', 'GET /containers/json?all=1&filters=%7B%22name%22%3A%7B%22a+b%22%3Atrue%7D%7D']);
  assert.deepEqual(pair.daemon.requests.map(({ connection, version }) => [connection, version]), [[1, '1.51'], [1, '1.51']]);
});

test('an older daemon must be spoken to in its own version, and a fixed version must stay', async () => {
  const answer: FakeDaemonOptions['answer'] = ({ version }) =>
    version === '1.44' ? { status: 200, json: [] } : { status: 400, json: { message: `client version ${version} is too new. Maximum supported API version is 1.44` } };
  await using pair = await connected({ answer });
  assert.deepEqual(await pair.client.containers.list(), []);
  await pair.client.containers.list();
  assert.deepEqual(pair.daemon.requests.map(({ version }) => version), ['1.51', '1.44', '1.44']);
  await using fixed = await connected({ answer }, '1.50');
  await assert.rejects(fixed.client.containers.list(), { name: 'ApiError', status: 400, message: 'client version 1.50 is too new. Maximum supported API version is 1.44' });
});

test('a refusal must carry the message and the status', async () => {
  await using pair = await connected({
    answer: ({ target }) => (target.includes('json-less') ? { status: 500, text: ' plain text \n' } : target.includes('empty') ? { status: 404, json: {} } : { status: 404, json: { message: 'No such container: x' } }),
  });
  await assert.rejects(pair.client.containers.inspect('x'), (error) => error instanceof ApiError && error.status === 404 && error.message === 'No such container: x');
  await assert.rejects(pair.client.containers.inspect('json-less'), { message: 'plain text', status: 500 });
  await assert.rejects(pair.client.containers.inspect('empty'), { message: 'API returned a 404 (Not Found) but provided no error-message' });
  await assert.rejects(pair.client.containers.inspect(' '), { message: 'invalid container name or ID: value is empty' });
});

test('a daemon that is not there must be told from one that breaks off', async () => {
  await using client = new Client({ endpoint: parseEndpoint('unix:///nonexistent/docker.sock') });
  await assert.rejects(client.containers.list(), (error) => error instanceof ConnectionError && error.absent && error.message === 'Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock. Is the docker daemon running?');
  await using pair = await connected({
    answer: (_request, response) => {
      response.socket?.destroy();
      return undefined;
    },
  });
  await assert.rejects(pair.client.containers.list(), (error) => error instanceof ConnectionError && !error.absent);
});

test('a connection the daemon closed while idle must not fail the next request', async () => {
  await using pair = await connected({
    answer: (_request, response) => {
      response.once('finish', () => response.socket?.destroy());
      return { status: 200, json: [] };
    },
  });
  for (let round = 0; round < 5; round++) assert.deepEqual(await pair.client.containers.list(), []);
});

test('a launch must be tried once when nobody listens', async () => {
  let launches = 0;
  await using client = new Client({
    endpoint: parseEndpoint('unix:///nonexistent/docker.sock'),
    launch: async () => {
      launches++;
      return false;
    },
  });
  await assert.rejects(client.containers.list(), ConnectionError);
  await assert.rejects(client.containers.list(), ConnectionError);
  assert.equal(launches, 1);
});

test('a large body in chunks must arrive whole, and progress line by line', async () => {
  const text = 'x'.repeat(3_000_000);
  await using pair = await connected({
    answer: (request, response) => {
      if (request.target.startsWith('/images/create')) {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.write('{"status":"one"}\r\n{"sta');
        response.end('tus":"two"}\r\n');
      } else {
        response.writeHead(200);
        for (let part = 0; part < 30; part++) response.write(text.slice(0, 100_000));
        response.end();
      }
      return undefined;
    },
  });
  let size = 0;
  for await (const chunk of await pair.client.images.save(['a'])) size += chunk.length;
  assert.equal(size, text.length);
  const progress: unknown[] = [];
  for await (const message of await pair.client.images.pull({ image: 'a', tag: 'b' })) progress.push(message);
  assert.deepEqual(progress, [{ status: 'one' }, { status: 'two' }]);
});

test('a streamed upload must be sent in chunks', async () => {
  await using pair = await connected({ answer: ({ target }) => (target === '/_ping' ? { status: 200, text: '' } : { status: 200, json: { stream: 'ok' } }) });
  async function* archive(): AsyncGenerator<Uint8Array> {
    for (let part = 0; part < 20; part++) yield Buffer.alloc(10_000, 97);
  }
  const { json, body } = await pair.client.images.load(archive());
  assert.equal(json, true);
  for await (const chunk of body) assert.equal(chunk.toString(), '{"stream":"ok"}\n');
  const upload = pair.daemon.requests.at(-1);
  assert.equal(upload?.body.length, 200_000);
  assert.equal(upload?.headers['transfer-encoding'], 'chunked');
});

test('an abort must end a request with its reason, before the answer as well as in its midst', async () => {
  const asked = Promise.withResolvers<void>();
  await using pair = await connected({
    answer: ({ target }, response) => {
      if (target.includes('/logs')) response.writeHead(200).write('begun');
      else asked.resolve();
      return undefined;
    },
  });
  const early = new AbortController();
  const beforeSent = pair.client.containers.list({ signal: early.signal });
  early.abort(new Error('at once'));
  await assert.rejects(beforeSent, { message: 'at once' });

  const controller = new AbortController();
  const waiting = pair.client.containers.list({ signal: controller.signal });
  await asked.promise;
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, { message: 'enough' });

  const later = new AbortController();
  const log = await pair.client.containers.logs('x', { stdout: true, follow: true, signal: later.signal });
  await assert.rejects(async () => {
    for await (const chunk of log) {
      assert.equal(chunk.toString(), 'begun');
      later.abort(new Error('in its midst'));
    }
  }, { message: 'in its midst' });
});

test('a hijacked stream must let either side end alone', async () => {
  let received = '';
  const ended = Promise.withResolvers<void>();
  await using pair = await connected({
    answer: () => ({ status: 500 }),
    hijack: (socket) => {
      socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
      socket.once('end', () => {
        // The client has ended its side; ours goes on.
        socket.end(frame(1, 'after the end'));
        ended.resolve();
      });
    },
  });
  const stream = await pair.client.containers.attach('x', { stream: true, stdin: true, stdout: true, detachKeys: 'ctrl-a' });
  assert.equal(stream.mediaType, 'application/vnd.docker.multiplexed-stream');
  await stream.write('typed');
  stream.closeWrite();
  await ended.promise;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(received, 'typed');
  assert.equal(Buffer.concat(chunks).subarray(8).toString(), 'after the end');
  assert.deepEqual(pair.daemon.calls, ['POST /containers/x/attach?detachKeys=ctrl-a&stdin=1&stdout=1&stream=1']);
});

test('a wait must resolve when the daemon watches, before the container ends', async () => {
  let finish: (() => void) | undefined;
  await using pair = await connected({
    answer: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.flushHeaders();
      finish = () => response.end('{"StatusCode":7}\n');
      return undefined;
    },
  });
  const { result } = await pair.client.containers.wait('x', { condition: 'removed' });
  finish?.();
  assert.deepEqual(await result, { StatusCode: 7 });
});

test('a long upload must leave no listeners on its connection', async () => {
  await using pair = await connected({ answer: () => ({ status: 200, json: [] }) });
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  try {
    const piece = Buffer.alloc(1 << 18);
    const body = (async function* (): AsyncGenerator<Buffer> {
      for (let index = 0; index < 40; index += 1) yield piece;
    })();
    const { body: answer } = await pair.client.images.load(body);
    for await (const chunk of answer) assert.ok(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', note);
  }
  assert.deepEqual(warnings.map(({ name }) => name), []);
});

test('an upload that cannot be read must end its request and say why, though the daemon waits on', async () => {
  await using pair = await connected({ answer: () => ({ status: 200 }) });
  const unreadable = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('part');
    throw new Error('read x: input/output error');
  };
  await assert.rejects(pair.client.images.load(unreadable(), { quiet: true }), (error) => {
    assert.ok(error instanceof ConnectionError && !error.absent);
    assert.match(error.message, /^error during connect: Post "http:\/\/%2F.*\/v1\.\d+\/images\/load\?quiet=1": read x: input\/output error$/);
    return true;
  });
});

test('an empty name must make a path without empty parts, as Docker\'s client does', async () => {
  await using pair = await connected({ answer: () => ({ status: 404, json: { message: 'page not found' } }) });
  await assert.rejects(pair.client.images.remove(''), { message: 'page not found' });
  await assert.rejects(pair.client.images.inspect(''), { message: 'page not found' });
  assert.deepEqual(pair.daemon.calls, ['DELETE /images', 'GET /images/json']);
});

test('a session must offer each of its methods in a line of its own, which is all that Docker reads', async () => {
  const heads: string[] = [];
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      heads.push(data.toString('latin1'));
      socket.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const directory = mkdtempSync(join(tmpdir(), 'dhow-session-'));
  try {
    server.listen(join(directory, 'socket'));
    await once(server, 'listening');
    await using client = new Client({ endpoint: parseEndpoint(`unix://${join(directory, 'socket')}`) });
    const method = (): Promise<void> => Promise.resolve();
    await assert.rejects(client.builds.openBuild({ id: 'one', sharedKey: 'two', methods: new Map([['/a.B/c', method], ['/a.B/d', method]]) }));
    const lines = heads.find((head) => head.startsWith('POST /session'))?.split('\r\n').filter((line) => /grpc-method/i.test(line));
    assert.deepEqual(lines, ['X-Docker-Expose-Session-Grpc-Method: /a.B/c', 'X-Docker-Expose-Session-Grpc-Method: /a.B/d']);
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
});
