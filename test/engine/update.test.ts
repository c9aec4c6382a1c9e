import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { parseJson } from '#api/body/parse-json.ts';
import { decodeUpdateRequest } from '#api/body/update-request.ts';
import { openCgroups } from '#kernel/cgroups/open-cgroups.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const mebibyte = 1024 * 1024;

test('an update must change the limits of what runs, and what is kept of the container', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const cgroups = openCgroups();
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: { Memory: 64 * mebibyte, PidsLimit: 50 } });
  await client.containers.start(Id);
  const path = `/${daemon.bridge}/${Id}`;

  await t.test('at once, in the kernel', async () => {
    assert.equal(cgroups.statistics(path).memory.limit, 64 * mebibyte);
    assert.deepEqual(await client.containers.update(Id, { Memory: 96 * mebibyte, PidsLimit: 20, CpuShares: 512 }), { Warnings: null });
    assert.equal(cgroups.statistics(path).memory.limit, 96 * mebibyte);
    assert.equal(cgroups.statistics(path).pids.limit, 20);
    const { HostConfig } = await client.containers.inspect(Id);
    assert.deepEqual([HostConfig.Memory, HostConfig.MemorySwap, HostConfig.PidsLimit, HostConfig.CpuShares], [96 * mebibyte, 128 * mebibyte, 20, 512]);
  });

  await t.test('and with the same limits at the next start', async () => {
    await client.containers.restart(Id, { timeout: 0 });
    assert.equal(cgroups.statistics(path).memory.limit, 96 * mebibyte);
    assert.equal(cgroups.statistics(path).pids.limit, 20);
  });

  await t.test('unless it contradicts itself or the container, which then stays as it was', async () => {
    await assert.rejects(client.containers.update(Id, { Memory: 1024 }), { status: 400, message: 'Minimum memory limit allowed is 6MB' });
    await assert.rejects(client.containers.update(Id, { Memory: 256 * mebibyte }), {
      status: 409,
      message: `Cannot update container ${Id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
    });
    await assert.rejects(client.containers.update(Id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } }), {
      status: 400,
      message: 'invalid restart policy: maximum retry count cannot be negative',
    });
    await client.containers.update(Id, { NanoCpus: 5e8 });
    await assert.rejects(client.containers.update(Id, { CpuQuota: 5000 }), {
      status: 409,
      message: `Cannot update container ${Id}: Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set`,
    });
    assert.equal((await client.containers.inspect(Id)).HostConfig.Memory, 96 * mebibyte);
    assert.equal(cgroups.statistics(path).memory.limit, 96 * mebibyte);
  });

  await t.test('a new restart policy must hold for the next exit', async () => {
    await client.containers.update(Id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } });
    const { HostConfig, State } = await client.containers.inspect(Id);
    assert.deepEqual(HostConfig.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 });
    assert.match(readFileSync(`/proc/${State.Pid}/cmdline`, 'utf8'), /sleep/);
    process.kill(State.Pid, 'SIGKILL');
    for (;;) {
      const container = await client.containers.inspect(Id);
      if (container.RestartCount === 1 && container.State.Running) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

test('an update that a crash of the daemon cut short must hold in the kernel and in the record afterwards', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], HostConfig: { Memory: 64 * mebibyte, PidsLimit: 50 } });
  await client.containers.start(Id);
  await daemon.kill();
  // As it is between the request and the limits.
  using database = new DatabaseSync(join(daemon.dataRoot, 'state.db'));
  const row = database.prepare('SELECT document FROM containers WHERE key = ?').get(Id);
  const pendingUpdate = decodeUpdateRequest(parseJson(JSON.stringify({ Memory: 32 * mebibyte, PidsLimit: 20 })));
  database.prepare('UPDATE containers SET document = ? WHERE key = ?').run(JSON.stringify({ ...JSON.parse(String(row?.['document'])), pendingUpdate }), Id);
  database.close();
  await daemon.launch();
  const { memory, pids } = openCgroups().statistics(`/${daemon.bridge}/${Id}`);
  assert.deepEqual([memory.limit, pids.limit], [32 * mebibyte, 20]);
  const { HostConfig } = await client.containers.inspect(Id);
  assert.deepEqual([HostConfig.Memory, HostConfig.PidsLimit, HostConfig.CpuShares], [32 * mebibyte, 20, 0]);
});
