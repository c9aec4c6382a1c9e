/** The metrics address, and what the daemon tells of its own process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import test from 'node:test';
import { freePort } from '../fixtures/free-port.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

async function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const asked = request({ socketPath, path }, (response) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => resolve({ status: response.statusCode ?? 0, body }));
  });
  asked.on('error', reject).end();
  return await promise;
}

test('metrics must be served under Docker’s names, and count what happens', async () => {
  const port = await freePort();
  await using daemon = await TestDaemon.start({ arguments: ['--metrics-addr', `127.0.0.1:${port}`] });
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const before = await metrics();
  assert.match(before, /^# TYPE engine_daemon_container_actions_seconds histogram$/m);
  assert.match(before, /^engine_daemon_container_actions_seconds_count\{action="start"\} 0$/m);
  assert.match(before, /^engine_daemon_container_states_containers\{state="running"\} 0$/m);
  assert.match(before, /^engine_daemon_engine_info\{architecture="[^"]+",commit="",daemon_id="[^"]+",graphdriver="[^"]+",.*version="28\.5\.2[^"]*"\} 1$/m);
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'] });
  await daemon.client.containers.start(Id);
  const after = await metrics();
  assert.match(after, /^engine_daemon_container_actions_seconds_count\{action="start"\} 1$/m);
  assert.match(after, /^engine_daemon_container_actions_seconds_bucket\{action="create",le="\+Inf"\} 1$/m);
  assert.match(after, /^engine_daemon_container_states_containers\{state="running"\} 1$/m);
  const events = (text: string): number => Number(/^engine_daemon_events_total (\d+)$/m.exec(text)?.[1]);
  assert.ok(events(after) >= events(before) + 2);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
});

test('the process must show itself under the addresses that dockerd has', async () => {
  await using daemon = await TestDaemon.start({ image: false });
  const variables: unknown = JSON.parse((await get(daemon.socket, '/debug/vars')).body);
  assert.ok(typeof variables === 'object' && variables !== null && 'memstats' in variables && 'cmdline' in variables);
  assert.match((await get(daemon.socket, '/debug/pprof/')).body, /<a href='profile'>profile<\/a>/);
  assert.match((await get(daemon.socket, '/debug/pprof/cmdline')).body, /dhowd\.mjs\0-H\0/);
  assert.deepEqual(await get(daemon.socket, '/debug/pprof/goroutine?debug=1'), { status: 404, body: 'Unknown profile\n' });
  const profile: unknown = JSON.parse((await get(daemon.socket, '/debug/pprof/profile?seconds=0.2')).body);
  assert.ok(typeof profile === 'object' && profile !== null && 'nodes' in profile && 'samples' in profile);
});

test('a metrics address that is taken must keep the daemon from starting', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    await assert.rejects(TestDaemon.start({ image: false, arguments: ['--metrics-addr', `127.0.0.1:${address.port}`] }), /failed to start metrics server: listen tcp .*EADDRINUSE/);
  } finally {
    taken.close();
  }
});
