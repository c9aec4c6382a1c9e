/** What log drivers put on the wire, over every transport they have, to servers that keep it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createServer, type Server } from 'node:net';
import { gunzipSync, inflateSync } from 'node:zlib';
import { remoteDrivers } from '#logging/drivers/driver-table.ts';
import type { LogInfo, LogMessage, LogSink } from '#logging/drivers/log-driver.ts';
import { eventually } from '../fixtures/eventually.ts';
import { makeCertificates, type Certificates } from '../registry/registry-servers.ts';
import { datagramServer, streamServer } from './log-server.ts';
import { UnixDatagramServer } from './unix-datagram-server.ts';

const never = new AbortController().signal;
/** 2023-11-14T22:13:20.123456789Z. */
const time = 1_700_000_000_123_456_789n;

function infoOf(options: Readonly<Record<string, string>>): LogInfo {
  return {
    options, containerId: 'c0ffee'.padEnd(64, '0'), containerName: '/name', path: 'sh', args: ['-c', 'true'], imageId: `sha256:${'1'.repeat(64)}`, imageName: 'busybox',
    created: '2024-01-01T00:00:00Z', env: ['COLOR=blue'], labels: { team: 'one' },
  };
}

async function openSink(driver: string, options: Readonly<Record<string, string>>, t: TestContext): Promise<LogSink> {
  const found = remoteDrivers.get(driver);
  assert.ok(found !== undefined);
  found.validate(options);
  const sink = await found.open(infoOf(options), never);
  t.after(() => sink.close());
  return sink;
}

function message(line: string, more: Partial<LogMessage> = {}): LogMessage {
  return { stream: 'stdout', time, line: Buffer.from(line), partial: undefined, ...more };
}

/** A stream server on any address that keeps what it gets. */
async function keeper(server: Server, at: { path: string } | { port: number; host: string }, t: TestContext): Promise<{ port: number; connections: () => number; received: () => Buffer }> {
  const chunks: Buffer[] = [];
  let connections = 0;
  server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    t.after(() => socket.destroy());
  });
  server.listen(at);
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, connections: () => connections, received: () => Buffer.concat(chunks) };
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-logs-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function secureKeeper(t: TestContext, names = 'IP:127.0.0.1,DNS:localhost'): Promise<{ port: number; received: () => Buffer; certificates: Certificates; authorityFile: string }> {
  const certificates = await makeCertificates(t, names);
  const kept = await keeper(createTlsServer({ key: certificates.key, cert: certificates.certificate }), { port: 0, host: '127.0.0.1' }, t);
  return { ...kept, certificates, authorityFile: join(certificates.directory, 'ca.crt') };
}

/** With this authority among those of the machine. */
async function trusting<T>(authorityFile: string, work: () => Promise<T>): Promise<T> {
  const before = process.env['SSL_CERT_FILE'];
  process.env['SSL_CERT_FILE'] = authorityFile;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env['SSL_CERT_FILE'];
    else process.env['SSL_CERT_FILE'] = before;
  }
}

const stamp = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d`;
const local = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`;
const zone = String.raw`(?:Z|[+-]\d\d:\d\d)`;
const head: Readonly<Record<string, string>> = {
  '': `<30>${stamp} tag\\[${process.pid}\\]: `,
  rfc3164: `<30>${stamp} ${hostname()} tag\\[${process.pid}\\]: `,
  rfc5424: `<30>1 ${local}${zone} ${hostname()} tag ${process.pid} tag - `,
  rfc5424micro: `<30>1 ${local}\\.123456${zone} ${hostname()} tag ${process.pid} tag - `,
};

test('syslog must write every format over every transport as Docker does', async (t) => {
  const secure = await secureKeeper(t);
  const directory = scratch(t);
  for (const [format, start] of Object.entries(head)) {
    const options = { 'syslog-format': format, tag: 'tag' };
    const line = new RegExp(`^${start}hello\\n$`);
    await t.test(`udp ${format}`, async (t) => {
      await using server = await datagramServer();
      const sink = await openSink('syslog', { ...options, 'syslog-address': `udp://127.0.0.1:${server.port}` }, t);
      await sink.send([message('hello'), message('')], never);
      await eventually('it is there', () => assert.match(String(server.received[0]), line));
      assert.equal(server.received.length, 1);
    });
    await t.test(`tcp ${format}`, async (t) => {
      await using server = await streamServer();
      const sink = await openSink('syslog', { ...options, 'syslog-address': `tcp://127.0.0.1:${server.port}` }, t);
      await sink.send([message('hello')], never);
      await eventually('it is there', () => assert.match(String(server.received), line));
    });
    await t.test(`tcp+tls ${format}`, async (t) => {
      const before = secure.received().length;
      const sink = await openSink('syslog', { ...options, 'syslog-address': `tcp+tls://127.0.0.1:${secure.port}`, 'syslog-tls-ca-cert': secure.authorityFile }, t);
      await sink.send([message('hello')], never);
      // With RFC 5424 a message over TLS begins with its length (RFC 5425).
      await eventually('it is there', () => {
        const text = String(secure.received().subarray(before));
        if (!format.startsWith('rfc5424')) return assert.match(text, line);
        const [length = ''] = text.split(' ', 1);
        assert.match(text.slice(length.length + 1), line);
        assert.equal(Number(length), text.length - length.length - 1);
      });
    });
    await t.test(`unix ${format}`, async (t) => {
      const path = join(directory, `stream-${format}`);
      const server = await keeper(createServer(), { path }, t);
      const sink = await openSink('syslog', { ...options, 'syslog-address': `unix://${path}` }, t);
      await sink.send([message('hello')], never);
      await eventually('it is there', () => assert.match(String(server.received()), line));
    });
    await t.test(`unixgram ${format}`, async (t) => {
      const path = join(directory, `datagram-${format}`);
      using server = new UnixDatagramServer(path);
      const sink = await openSink('syslog', { ...options, 'syslog-address': `unixgram://${path}` }, t);
      await sink.send([message('hello')], never);
      await eventually('it is there', () => assert.match(String(server.receive()), line));
    });
  }

  await t.test('a server whose certificate is not trusted must be refused, unless that is not to be looked at', async (t) => {
    const address = `tcp+tls://127.0.0.1:${secure.port}`;
    await assert.rejects(openSink('syslog', { 'syslog-address': address }, t), { message: 'tls: failed to verify certificate: x509: certificate signed by unknown authority' });
    const before = secure.received().length;
    const sink = await openSink('syslog', { 'syslog-address': address, 'syslog-tls-skip-verify': 'true', 'syslog-facility': 'local7' }, t);
    await sink.send([message('trusted', { stream: 'stderr' })], never);
    await eventually('it is there', () => assert.match(String(secure.received().subarray(before)), /^<187>.* c0ffee000000\[\d+\]: trusted\n$/));
  });
});

test('fluentd must be written to over unix sockets and TLS, whole records at a time', async (t) => {
  const expected = Buffer.concat([
    Buffer.from([0x94, 0xac]), Buffer.from('c0ffee000000'), Buffer.from([0xd2, 0x65, 0x53, 0xf1, 0x00]),
    Buffer.from([0x84]), Buffer.from('\xa6source\xa6stdout\xa3log\xa5hello\xaccontainer_id\xd9\x40', 'latin1'), Buffer.from('c0ffee'.padEnd(64, '0')),
    Buffer.from('\xaecontainer_name\xa5/name', 'latin1'), Buffer.from([0x80]),
  ]);
  await t.test('unix', async (t) => {
    const path = join(scratch(t), 'socket');
    const server = await keeper(createServer(), { path }, t);
    const sink = await openSink('fluentd', { 'fluentd-address': `unix://${path}` }, t);
    await sink.send([message('hello')], never);
    await eventually('it is there', () => assert.deepEqual(server.received(), expected));
  });
  await t.test('tls', async (t) => {
    const server = await secureKeeper(t);
    const options = { 'fluentd-address': `tls://localhost:${server.port}` };
    await assert.rejects(openSink('fluentd', options, t), { message: 'tls: failed to verify certificate: x509: certificate signed by unknown authority' });
    const sink = await trusting(server.authorityFile, () => openSink('fluentd', options, t));
    await sink.send([message('hello')], never);
    await eventually('it is there', () => assert.deepEqual(server.received(), expected));
  });
  await t.test('pieces of a line must be marked, and times be as exact as asked for', async (t) => {
    await using server = await streamServer();
    const sink = await openSink('fluentd', { 'fluentd-address': `127.0.0.1:${server.port}`, 'fluentd-sub-second-precision': 'true', labels: 'team', env: 'COLOR', tag: 'docker.{{.Name}}' }, t);
    await sink.send([message('a piece', { partial: { id: 'abc', ordinal: 1, last: false } })], never);
    await eventually('it is there', () => {
      const text = server.received.toString('latin1');
      // EventTime: type 0, seconds, nanoseconds.
      assert.ok(text.includes('\xabdocker.name\xd7\x00\x65\x53\xf1\x00\x07\x5b\xcd\x15'), text);
      for (const pair of ['\xa4team\xa3one', '\xa5COLOR\xa4blue', '\xafpartial_message\xa4true', '\xaapartial_id\xa3abc', '\xafpartial_ordinal\xa11', '\xacpartial_last\xa5false']) assert.ok(text.includes(pair), pair);
    });
  });
  await t.test('a connection must be made anew after the interval that is asked for', async (t) => {
    const server = await keeper(createServer(), { port: 0, host: '127.0.0.1' }, t);
    const sink = await openSink('fluentd', { 'fluentd-address': `127.0.0.1:${server.port}`, 'fluentd-async': 'true', 'fluentd-async-reconnect-interval': '100ms' }, t);
    await sink.send([message('one')], never);
    await eventually('another message goes over another connection', async () => {
      await sink.send([message('two')], never);
      assert.ok(server.connections() > 1);
    });
  });
  await t.test('a server that takes nothing must be given up after the write timeout', async (t) => {
    const server = createServer({ pauseOnConnect: true });
    const { port } = await keeper(server, { port: 0, host: '127.0.0.1' }, t);
    server.removeAllListeners('connection');
    server.on('connection', (socket) => t.after(() => socket.destroy()));
    const sink = await openSink('fluentd', { 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-write-timeout': '200ms' }, t);
    const large = message('x'.repeat(1_000_000));
    await assert.rejects(async () => {
      for (let sent = 0; sent < 64; sent += 1) await sink.send([large], never);
    }, /timeout/i);
  });
});

test('splunk must be spoken to over TLS, with what its options ask for', async (t) => {
  const certificates = await makeCertificates(t, 'DNS:splunk.example');
  const requests: { method: string; url: string; headers: NodeJS.Dict<string | string[]>; body: Buffer }[] = [];
  const server = createHttpsServer({ key: certificates.key, cert: certificates.certificate }, async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url = `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const common = { 'splunk-url': url, 'splunk-token': 'secret' };
  await assert.rejects(openSink('splunk', common, t), { message: `Options "${url}/services/collector/event/1.0": tls: failed to verify certificate: x509: certificate signed by unknown authority` });
  const trusted = { ...common, 'splunk-capath': join(certificates.directory, 'ca.crt'), 'splunk-caname': 'splunk.example' };

  const full = await openSink('splunk', {
    ...trusted, 'splunk-gzip': 'true', 'splunk-gzip-level': '9', 'splunk-source': 'src', 'splunk-sourcetype': 'kind', 'splunk-index': 'main', 'splunk-format': 'json', 'splunk-index-acknowledgment': 'true', labels: 'team',
  }, t);
  assert.equal(requests[0]?.method, 'OPTIONS');
  await full.send([message('{"a":1}'), message('plain')], never);
  const sent = requests[1];
  assert.ok(sent !== undefined);
  assert.deepEqual([sent.method, sent.url, sent.headers['authorization'], sent.headers['content-encoding']], ['POST', '/services/collector/event/1.0', 'Splunk secret', 'gzip']);
  assert.match(String(sent.headers['x-splunk-request-channel']), /^[0-9a-f-]{36}$/);
  const tail = `,"time":"1700000000.123456","host":"${hostname()}","source":"src","sourcetype":"kind","index":"main"}`;
  const attached = '"source":"stdout","tag":"c0ffee000000","attrs":{"team":"one"}}';
  assert.equal(gunzipSync(sent.body).toString(), `{"event":{"line":{"a":1},${attached}${tail}{"event":{"line":"plain",${attached}${tail}`);

  const asked = requests.length;
  const unverified = await openSink('splunk', { ...common, 'splunk-insecureskipverify': 'true', 'splunk-verify-connection': 'false', 'splunk-format': 'raw', tag: '' }, t);
  assert.equal(requests.length, asked);
  await unverified.send([message('one'), message('  ')], never);
  assert.equal(requests.at(-1)?.body.toString(), `{"event":"one","time":"1700000000.123456","host":"${hostname()}"}`);
});

test('gelf must be compressed and cut as asked for over UDP, and ended by NUL over TCP', async (t) => {
  const read = (bytes: Buffer): Record<string, unknown> => JSON.parse(bytes.toString()) as Record<string, unknown>;
  for (const [type, level, inflate, first] of [['zlib', '1', inflateSync, 0x78], ['gzip', '9', gunzipSync, 0x1f], ['none', '-1', (bytes: Buffer) => bytes, 0x7b]] as const) {
    await t.test(type, async (t) => {
      await using server = await datagramServer();
      const sink = await openSink('gelf', { 'gelf-address': `udp://127.0.0.1:${server.port}`, 'gelf-compression-type': type, 'gelf-compression-level': level }, t);
      await sink.send([message('hello', { stream: 'stderr' })], never);
      await eventually('it is there', () => assert.equal(server.received.length, 1));
      assert.equal(server.received[0]?.[0], first);
      const fields = read(inflate(server.received[0] ?? Buffer.alloc(0)));
      assert.deepEqual(fields, {
        version: '1.1', host: hostname(), short_message: 'hello', timestamp: 1_700_000_000.123, level: 3, _command: 'sh -c true', _container_id: 'c0ffee'.padEnd(64, '0'), _container_name: 'name',
        _created: '2024-01-01T00:00:00Z', _image_id: `sha256:${'1'.repeat(64)}`, _image_name: 'busybox', _tag: 'c0ffee000000',
      });
    });
  }
  await using server = await streamServer();
  const sink = await openSink('gelf', { 'gelf-address': `tcp://127.0.0.1:${server.port}` }, t);
  await sink.send([message('one'), message('two')], never);
  await eventually('both are there', () => assert.equal(server.received.filter((byte) => byte === 0).length, 2));
  assert.deepEqual(server.received.toString().split('\0').slice(0, 2).map((text) => read(Buffer.from(text))['short_message']), ['one', 'two']);
});
