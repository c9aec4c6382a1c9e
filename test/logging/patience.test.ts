/** How long what a container wrote waits for a server that is away, where its log options limit that. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { remoteDrivers } from '#logging/drivers/driver-table.ts';
import { LogForwarder } from '#logging/forwarding/log-forwarder.ts';
import { eventually } from '../fixtures/eventually.ts';
import { LogFixture } from './log-fixture.ts';
import { streamServer, type LogServer } from './log-server.ts';

interface Scene {
  readonly server: LogServer;
  readonly log: LogFixture;
  readonly warnings: readonly string[];
}

/** A log that is sent to a server which is away. */
async function sending(driver: string, optionsFor: (port: number) => Readonly<Record<string, string>>, t: TestContext): Promise<Scene> {
  const found = remoteDrivers.get(driver);
  assert.ok(found !== undefined);
  const server = await streamServer();
  await server.pause();
  const log = new LogFixture();
  const warnings: string[] = [];
  const info = { options: optionsFor(server.port), containerId: 'c0ffee', containerName: '/name', path: 'sh', args: [], imageId: 'sha256:0', imageName: 'busybox', created: '2024-01-01T00:00:00Z', env: [], labels: {} };
  found.validate(info.options);
  const options = { path: log.path, positionPath: join(log.directory, 'position'), driver: found, info, maxFiles: 1, compress: false, warn: (message: string) => void warnings.push(message) };
  const forwarder = new LogForwarder(options, undefined);
  t.after(async () => {
    await forwarder.stop();
    await server[Symbol.asyncDispose]();
    log[Symbol.dispose]();
  });
  return { server, log, warnings };
}

const givenUp = (warnings: readonly string[]): number => warnings.filter((text) => text.includes('was given up after')).length;

for (const [driver, tries, optionsFor] of [
  ['fluentd', 2, (port: number) => ({ 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-max-retries': '2', 'fluentd-retry-wait': '10ms' })],
  ['fluentd', 3, (port: number) => ({ 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-async': 'true', 'fluentd-max-retries': '3', 'fluentd-retry-wait': '10ms' })],
  ['gelf', 2, (port: number) => ({ 'gelf-address': `tcp://127.0.0.1:${port}`, 'gelf-tcp-max-reconnect': '1', 'gelf-tcp-reconnect-delay': '0' })],
] as const) {
  test(`${driver} must give each message up after ${tries} tries where that is asked for, and send those that come later`, async (t) => {
    const { server, log, warnings } = await sending(driver, optionsFor, t);
    log.write(['lost one\n', 'lost two\n']);
    await eventually('both are given up', () => assert.equal(givenUp(warnings), 2));
    assert.match(warnings.join('\n'), new RegExp(`a message of container c0ffee was given up after ${tries} tries: dial tcp 127\\.0\\.0\\.1:\\d+: connect: connection refused; its log options limit them|given up after ${tries} tries: gelf: cannot connect to GELF endpoint`));
    await server.resume();
    log.write(['kept\n']);
    await eventually('the next arrives', () => assert.ok(server.received.includes('kept')));
    assert.ok(!server.received.includes('lost'));
  });
}

test('fluentd must keep as many messages for a server that is away as its buffer limit says', async (t) => {
  const { server, log, warnings } = await sending('fluentd', (port) => ({ 'fluentd-address': `127.0.0.1:${port}`, 'fluentd-async': 'true', 'fluentd-buffer-limit': '2', 'fluentd-retry-wait': '20ms' }), t);
  log.write(['first\n', 'second\n', 'third\n', 'fourth\n']);
  await eventually('the outage is told of', () => assert.match(warnings.join('\n'), /the log of c0ffee waits on disk/));
  log.write(['fifth\n']);
  await server.resume();
  await eventually('what was too much is told of', () => assert.match(warnings.join('\n'), /^3 messages of container c0ffee were dropped: more than 2 waited for the server/m));
  log.write(['sixth\n']);
  await eventually('the next arrives', () => assert.ok(server.received.includes('sixth')));
  const text = server.received.toString('latin1');
  assert.deepEqual(['first', 'second', 'third', 'fourth', 'fifth', 'sixth'].filter((line) => text.includes(line)), ['first', 'second', 'sixth']);
});

test('without such options a message must wait until there is a server', async (t) => {
  const { server, log, warnings } = await sending('gelf', (port) => ({ 'gelf-address': `tcp://127.0.0.1:${port}` }), t);
  log.write(['patient\n']);
  await eventually('several tries have failed', () => assert.match(warnings.join('\n'), /the log of c0ffee waits on disk/));
  await server.resume();
  await eventually('it arrives', () => assert.ok(server.received.includes('patient')));
  assert.equal(givenUp(warnings), 0);
});
