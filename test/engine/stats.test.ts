import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import type { ContainerStats } from '#schema/container-stats.ts';

test('stats must tell what a container uses', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const limit = 64 * 1024 * 1024;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'while :; do :; done'], HostConfig: { Memory: limit } });
  const first = async (options: { stream?: boolean; oneShot?: boolean }): Promise<ContainerStats> => {
    for await (const sample of await client.containers.stats(Id, options)) return sample;
    throw new Error('no sample came');
  };

  await t.test('nothing while it does not run', async () => {
    const { id, name, read, pids_stats: pids, memory_stats: memory, networks } = await first({});
    assert.deepEqual({ id, read, pids, memory, networks }, { id: Id, read: '0001-01-01T00:00:00Z', pids: {}, memory: {}, networks: undefined });
    assert.match(name ?? '', /^\//);
  });

  await client.containers.start(Id);

  await t.test('at once, without rates, when only one look is wanted', async () => {
    // A process of the runtime counts until the kernel has wholly forgotten it.
    await eventually('only the process itself is counted', async () => (await first({ oneShot: true })).pids_stats.current === 1);
    const sample = await first({ oneShot: true });
    assert.deepEqual([sample.memory_stats.limit, sample.preread], [limit, '0001-01-01T00:00:00Z']);
    assert((sample.memory_stats.usage ?? 0) > 0);
    assert.deepEqual(Object.keys(sample.networks ?? {}), ['eth0']);
  });

  await t.test('with a second between two samples, so that rates can be told', async () => {
    const { cpu_stats: now, precpu_stats: before, read, preread } = await first({});
    assert(Date.parse(read) - Date.parse(preread) >= 900);
    const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
    const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
    assert(used > 0 && used <= passed, `${used} of ${passed} ns`);
  });

  await t.test('again and again, until the container is removed', async () => {
    let samples = 0;
    for await (const sample of await client.containers.stats(Id, { stream: true })) {
      samples += 1;
      assert.equal(sample.id, Id);
      if (samples === 2) await client.containers.remove(Id, { force: true });
    }
    assert.equal(samples, 2);
    await assert.rejects(first({ stream: true, oneShot: true }), { status: 400, message: 'cannot have stream=true and one-shot=true' });
    await assert.rejects(first({}), { status: 404, message: `No such container: ${Id}` });
  });
});
