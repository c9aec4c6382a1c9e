import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const millisecond = 1e6;
const sleeper = { Image: 'busybox', Cmd: ['sleep', '1000'] };

test('health checks must tell how a container does', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const run = async (Test: string[], more: object = {}): Promise<string> => {
    const { Id } = await client.containers.create({ ...sleeper, Healthcheck: { Test, Interval: 50 * millisecond, ...more } });
    await client.containers.start(Id);
    return Id;
  };
  const healthOf = async (id: string) => (await client.containers.inspect(id)).State.Health;
  const becomes = async (id: string, status: string): Promise<void> => eventually(`it is ${status}`, async () => assert.equal((await healthOf(id))?.Status, status));

  await t.test('one that fails must be unhealthy, with the output of the last five probes', async () => {
    const id = await run(['CMD-SHELL', 'echo broken; exit 3'], { Retries: 2 });
    await becomes(id, 'unhealthy');
    await eventually('the log is full', async () => assert(((await healthOf(id))?.FailingStreak ?? 0) > 5));
    const health = await healthOf(id);
    assert.equal(health?.Log.length, 5);
    assert.deepEqual([health?.Log[0]?.ExitCode, health?.Log[0]?.Output], [3, 'broken\n']);
    const [summary] = await client.containers.list({ filters: { health: ['unhealthy'] } });
    assert.equal(summary?.Id, id);
    assert.match(summary?.Status ?? '', /^Up .* \(unhealthy\)$/);
    await client.containers.kill(id);
  });

  await t.test('probes must go on after the daemon was killed, and pause and end must stop them', async () => {
    const id = await run(['CMD', 'test', '-e', '/ok'], { Retries: 1000 });
    assert.equal((await healthOf(id))?.Status, 'starting');
    await daemon.kill();
    await daemon.launch();
    const mark = await client.execs.create(id, { Cmd: ['touch', '/ok'] });
    await client.execs.startDetached(mark.Id, { Tty: false });
    await becomes(id, 'healthy');
    await client.containers.pause(id);
    assert.equal((await healthOf(id))?.Status, 'unhealthy');
    await client.containers.unpause(id);
    await becomes(id, 'healthy');
    await client.containers.kill(id);
    await eventually('it ended', async () => assert.equal((await client.containers.inspect(id)).State.Running, false));
    const after = await healthOf(id);
    assert.equal(after?.Status, 'unhealthy');
    await client.containers.start(id);
    assert.notEqual((await healthOf(id))?.Status, 'unhealthy');
    await client.containers.kill(id);
  });

  await t.test('a probe that takes too long must be killed and say so', async () => {
    const id = await run(['CMD', 'sleep', '777'], { Timeout: 100 * millisecond, Retries: 1 });
    await becomes(id, 'unhealthy');
    const [first] = (await healthOf(id))?.Log ?? [];
    assert.deepEqual([first?.ExitCode, first?.Output], [-1, 'Health check exceeded timeout (100ms)']);
    await client.containers.kill(id);
  });

  await t.test('a container must be stopped or started again when that is asked for', async () => {
    const failing = { Healthcheck: { Test: ['CMD', 'false'], Interval: 50 * millisecond, Retries: 1 }, StopSignal: 'KILL' };
    const stopped = await client.containers.create({ ...sleeper, ...failing, Labels: { 'dhow.on-unhealthy': 'stop' } });
    await client.containers.start(stopped.Id);
    await eventually('it is stopped', async () => assert.equal((await client.containers.inspect(stopped.Id)).State.Status, 'exited'));
    assert.equal((await client.containers.explain(stopped.Id)).Cause, 'stopped-unhealthy');
    const restarted = await client.containers.create({ ...sleeper, ...failing, HostConfig: { OnUnhealthy: 'restart' } });
    await client.containers.start(restarted.Id);
    await eventually('it was started again', async () => assert.ok((await client.containers.inspect(restarted.Id)).RestartCount > 1));
    await client.containers.update(restarted.Id, { OnUnhealthy: 'none' } as never);
    await becomes(restarted.Id, 'unhealthy');
    await client.containers.remove(restarted.Id, { force: true });
    await assert.rejects(client.containers.create({ ...sleeper, HostConfig: { OnUnhealthy: 'pray' } }), { status: 400, message: "cannot react to a failed health check by 'pray'; use one of 'restart', 'stop' or 'none'" });
  });

  await t.test('output must be cut after 4096 bytes', async () => {
    const id = await run(['CMD-SHELL', 'head -c 9000 /dev/zero | tr "\\0" x']);
    await becomes(id, 'healthy');
    assert.equal((await healthOf(id))?.Log[0]?.Output, `${'x'.repeat(4096)}...`);
    await client.containers.kill(id);
  });

  await t.test('without a check there must be no health, and what Docker refuses must be refused', async () => {
    const id = await run(['NONE']);
    assert.equal(await healthOf(id), undefined);
    await client.containers.kill(id);
    await assert.rejects(client.containers.create({ ...sleeper, Healthcheck: { Interval: 1000 } }), { status: 400, message: 'Interval in Healthcheck cannot be less than 1ms' });
    await assert.rejects(client.containers.create({ ...sleeper, Healthcheck: { Retries: -1 } }), { status: 400, message: 'Retries in Healthcheck cannot be negative' });
  });
});
