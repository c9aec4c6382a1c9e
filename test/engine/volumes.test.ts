import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('volumes must be made, listed, kept while used, and pruned when nobody uses them', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const names = async (filters: Record<string, string[]>): Promise<string[]> => (await client.volumes.list(filters)).Volumes.map(({ Name }) => Name).sort();
  const since = String(Math.floor(Date.now() / 1000) - 1);

  const kept = await client.volumes.create({ Name: 'kept', Labels: { tier: 'one' } });
  const unnamed = await client.volumes.create({});
  writeFileSync(join(unnamed.Mountpoint, 'file'), '12345');
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo in > /d/file'], HostConfig: { Binds: ['kept:/d'] }, Volumes: { '/anonymous': {} } });
  const [anonymous] = (await client.containers.inspect(Id)).Mounts.flatMap(({ Name, Destination }) => (Destination === '/anonymous' && Name !== undefined ? [Name] : []));
  assert(anonymous !== undefined);

  await t.test('filters must choose by name, label and use', async () => {
    assert.deepEqual(await names({ name: ['^ke'] }), ['kept']);
    assert.deepEqual(await names({ label: ['tier=two'] }), []);
    assert.deepEqual(await names({ dangling: ['true'] }), [unnamed.Name]);
    assert.deepEqual(await names({ dangling: ['false'] }), ['kept', anonymous].sort());
    await assert.rejects(client.volumes.list({ dangling: ['maybe'] }), { status: 400, message: "invalid filter 'dangling=[maybe]'" });
    await assert.rejects(client.volumes.list({ scope: ['local'] }), { status: 400, message: "invalid filter 'scope'" });
  });

  await t.test('a volume of a container must not be removed, also not by force', async () => {
    const refusal = { status: 409, message: `remove kept: volume is in use - [${Id}]` };
    await assert.rejects(client.volumes.remove('kept'), refusal);
    await assert.rejects(client.volumes.remove('kept', { force: true }), refusal);
    await assert.rejects(client.volumes.remove('nobody'), { status: 404, message: 'get nobody: no such volume' });
    await client.volumes.remove('nobody', { force: true });
  });

  await t.test('the disk usage must tell sizes and users', async () => {
    const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
    await client.containers.start(Id);
    assert.equal((await result).StatusCode, 0);
    const usage = await client.transport.json<{ Volumes: { Name: string; UsageData: object }[] }>({ method: 'GET', path: '/system/df', query: { type: 'volume' } });
    const of = (name: string): object | undefined => usage.Volumes.find(({ Name }) => Name === name)?.UsageData;
    assert.deepEqual([of('kept'), of(unnamed.Name)], [{ RefCount: 1, Size: 3 }, { RefCount: 0, Size: 5 }]);
  });

  await t.test('prune must take unnamed volumes, and named ones only when asked', async () => {
    assert.deepEqual(await client.volumes.prune({}), { VolumesDeleted: [unnamed.Name], SpaceReclaimed: 5 });
    assert.equal(existsSync(unnamed.Mountpoint), false);
    await client.containers.remove(Id, { volumes: true });
    assert.deepEqual(await names({}), ['kept']);
    assert.deepEqual(await client.volumes.prune({ label: ['tier'] }), { VolumesDeleted: [], SpaceReclaimed: 0 });
    assert.deepEqual(await client.volumes.prune({ all: ['true'], label: ['tier'] }), { VolumesDeleted: ['kept'], SpaceReclaimed: 3 });
    assert.equal(existsSync(kept.Mountpoint), false);
  });

  await t.test('everything that happened to volumes must have been told', async () => {
    const told: string[] = [];
    const messages = await client.system.events({ since, until: String(Math.ceil(Date.now() / 1000) + 1), filters: { type: ['volume'], volume: ['kept'] } });
    for await (const message of messages) told.push(message.Action);
    assert.deepEqual(told, ['create', 'mount', 'unmount', 'destroy']);
  });
});
