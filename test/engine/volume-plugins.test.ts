import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { VolumePlugin } from '../fixtures/volume-plugin.ts';

test('volumes of a plugin must be used as those of the engine', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-plugin-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await using plugin = new VolumePlugin({ socket: join(daemon.executionRoot, 'plugins/shelf.sock'), directory });
  const used = (name: string): number => plugin.mounts.get(name)?.size ?? 0;

  await t.test('a driver that is not there must be refused at once', async () => {
    await assert.rejects(client.volumes.create({ Name: 'one', Driver: 'shelf' }), { status: 404, message: 'create one: error looking up volume plugin shelf: plugin "shelf" not found' });
  });

  await plugin.listen();
  await t.test('a volume must be made, shown and listed with what its plugin tells', async () => {
    await client.volumes.create({ Name: 'one', Driver: 'shelf', DriverOpts: { size: '3' }, Labels: { a: 'b' } });
    assert.deepEqual(await client.volumes.inspect('one'), {
      CreatedAt: '2026-01-02T03:04:05+01:00', Driver: 'shelf', Labels: { a: 'b' }, Mountpoint: join(directory, 'one'), Name: 'one', Options: { size: '3' }, Scope: 'global', Status: { copies: 2 },
    });
    const { Volumes, Warnings } = await client.volumes.list({ driver: ['shelf'] });
    assert.deepEqual([Volumes.map(({ Name, Driver, Scope }) => [Name, Driver, Scope]), Warnings], [[['one', 'shelf', 'global']], null]);
    const info = await client.transport.json<{ Plugins: { Volume: string[] } }>({ method: 'GET', path: '/info' });
    assert.deepEqual(info.Plugins.Volume, ['local', 'shelf']);
  });

  await t.test('what the plugin refuses, and a name that another driver has, must be told', async () => {
    await assert.rejects(client.volumes.create({ Name: 'two', Driver: 'shelf', DriverOpts: { refuse: 'full' } }), { status: 500, message: 'create two: refused: full' });
    await assert.rejects(client.volumes.create({ Name: 'one', Driver: 'local' }), { status: 409, message: "create one: driver 'shelf' already has volume 'one': volume name must be unique" });
    assert.equal((await client.volumes.create({ Name: 'one' })).Driver, 'shelf');
  });

  await t.test('a container must get its content, the image’s files at first, and let it go at its end', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo in > /etc/written'], HostConfig: { Binds: ['one:/etc'] } });
    assert.deepEqual((await client.containers.inspect(Id)).Mounts.map(({ Driver, Mode }) => [Driver, Mode]), [['shelf', '']]);
    assert.equal(used('one'), 0);
    const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
    await client.containers.start(Id);
    assert.equal((await result).StatusCode, 0);
    assert.equal(readFileSync(join(directory, 'one/written'), 'utf8'), 'in\n');
    assert.match(readFileSync(join(directory, 'one/passwd'), 'utf8'), /^root:/);
    await eventually('the plugin is told of the end', () => assert.equal(used('one'), 0));
    await assert.rejects(client.volumes.remove('one'), { status: 409 });
    await client.containers.remove(Id);
  });

  await t.test('a mounted volume must outlive the daemon, and an end it did not see must be told to the plugin', async () => {
    const start = async (name: string): Promise<string> => {
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: { VolumeDriver: 'shelf', Binds: [`${name}:/d`] } });
      await client.containers.start(Id);
      return Id;
    };
    const [staying, ending] = [await start('staying'), await start('ending')];
    const { State } = await client.containers.inspect(ending);
    await daemon.kill();
    process.kill(State.Pid, 'SIGKILL');
    await daemon.launch();
    await eventually('the plugin is told of the end', () => assert.deepEqual([used('staying'), used('ending')], [1, 0]));
    assert.deepEqual([...(plugin.mounts.get('staying') ?? [])], [staying]);
    await client.containers.remove(staying, { force: true });
    await eventually('the plugin is told of the end', () => assert.equal(used('staying'), 0));
    await client.containers.remove(ending);
  });

  await t.test('a plugin that is away must be told of, and keep nobody waiting for its list', async () => {
    await plugin.close();
    const { Volumes, Warnings } = await client.volumes.list({});
    assert.deepEqual(Volumes.map(({ Name }) => Name).sort(), ['ending', 'one', 'staying']);
    const dialled = `dial unix ${join(daemon.executionRoot, 'plugins/shelf.sock')}: connect: no such file or directory`;
    assert.deepEqual(Warnings, [`list shelf: Post "http://plugin.moby.localhost/VolumeDriver.List": ${dialled}`]);
    await assert.rejects(client.volumes.inspect('one'), {
      status: 500, message: `get one: error while checking if volume "one" exists in driver "shelf": Post "http://plugin.moby.localhost/VolumeDriver.Get": ${dialled}`,
    });
  });

  await t.test('a removal must wait for a plugin that comes back', async () => {
    const removal = client.volumes.remove('one');
    await plugin.listen();
    await removal;
    assert.equal(plugin.names.includes('one'), false);
    for (const name of ['staying', 'ending']) await client.volumes.remove(name);
    assert.deepEqual(plugin.names, []);
  });

  await t.test('an unnamed volume of the plugin must go with its container', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'], HostConfig: { VolumeDriver: 'shelf' }, Volumes: { '/d': {} } });
    assert.equal(plugin.names.length, 1);
    await client.containers.remove(Id, { volumes: true });
    assert.deepEqual(plugin.names, []);
  });
});
