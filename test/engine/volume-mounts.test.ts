import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { runInContainer } from '../fixtures/run-in-container.ts';

test('mounts must bring what Docker brings', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const run = (command: string, host: object): Promise<string> => runInContainer(client, command, host);

  await t.test('a volume must be filled when its container is made, so that data containers need no start', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', HostConfig: { Binds: ['packed:/etc'] } });
    const { Mountpoint } = await client.volumes.inspect('packed');
    assert.match(readFileSync(join(Mountpoint, 'passwd'), 'utf8'), /^root:/);
    assert.equal(existsSync(join(Mountpoint, '../_data.filling')), false);
    assert.match(await run('cat /etc/passwd && touch /etc/mine', { VolumesFrom: [Id] }), /^root:/);
    assert.match(await run('touch /etc/more', { VolumesFrom: [`${Id}:ro`] }), /Read-only file system/);
    assert.equal(existsSync(join(Mountpoint, 'mine')), true);
    await client.containers.remove(Id);
  });

  await t.test('an image must be mounted read-only, by subpath too, and stay while a container uses it', async () => {
    const mount = { Type: 'image', Source: 'busybox', Target: '/image' } as const;
    assert.match(await run('ls -1 /image', { Mounts: [mount] }), /^bin$/m);
    assert.match(await run('touch /image/x', { Mounts: [mount] }), /Read-only file system/);
    assert.match(await run('cat /image', { Mounts: [{ ...mount, ImageOptions: { Subpath: 'etc/passwd' } }] }), /^root:/);
    await assert.rejects(run('true', { Mounts: [{ ...mount, ImageOptions: { Subpath: '../etc' } }] }), { status: 400, message: 'invalid mount config for type "image": subpath must be a relative path within the volume' });
    await assert.rejects(run('true', { Mounts: [{ ...mount, Source: 'nobody' }] }), { status: 404, message: 'No such image: nobody:latest' });
  });

  await t.test('subpaths must not lead out of their volume', async () => {
    const { Mountpoint } = await client.volumes.create({ Name: 'paths' });
    mkdirSync(join(Mountpoint, 'sub'));
    writeFileSync(join(Mountpoint, 'sub/file'), 'inside');
    symlinkSync('/etc', join(Mountpoint, 'out'));
    symlinkSync('sub', join(Mountpoint, 'in'));
    const mount = (Subpath: string): object => ({ Mounts: [{ Type: 'volume', Source: 'paths', Target: '/d', VolumeOptions: { Subpath } }] });
    assert.equal(await run('cat /d/file', mount('in')), 'inside');
    assert.equal(await run('cat /d', mount('sub/file')), 'inside');
    await assert.rejects(run('ls /d', mount('out')), /path concatenation escapes the base directory, base: .*, subpath: out/);
    await assert.rejects(run('ls /d', mount('none')), /cannot access path .*\/none: lstat .*\/none: no such file or directory/);
  });

  await t.test('nothing must be mounted over /proc or in it', async () => {
    await assert.rejects(run('true', { Binds: ['/tmp:/proc'] }), /cannot be mounted because it is not of type proc/);
    await assert.rejects(run('true', { Binds: ['/tmp:/proc/sys'] }), /cannot be mounted because it is inside \/proc/);
    assert.equal(await run('cat /proc/uptime', { Binds: [`${join(daemon.root, 'pid')}:/proc/uptime`] }), String(daemon.pid));
  });

  await t.test('read-only options of writable binds must be refused at the start', async () => {
    for (const option of ['ReadOnlyNonRecursive', 'ReadOnlyForceRecursive']) {
      const { Id } = await client.containers.create({ Image: 'busybox', HostConfig: { Mounts: [{ Type: 'bind', Source: '/tmp', Target: '/d', BindOptions: { [option]: true } }] } });
      await assert.rejects(client.containers.start(Id), { status: 500, message: `mount options conflict: !ReadOnly && BindOptions.${option}` });
    }
  });

  await t.test('nothing must be mounted over the root', async () => {
    const create = async (): Promise<string> => (await client.containers.create({ Image: 'busybox', Cmd: ['true'], Volumes: { '..': {} } })).Id;
    await assert.rejects(client.containers.start(await create()), /error mounting ".*\/_data" to rootfs at "\.\.": create mountpoint for \.\. mount: mountpoint "(.*)" is on the top of rootfs "\1"/);
  });

  await t.test('places that the image does not have must be made as Docker makes them, in outer mounts too', async () => {
    const file = join(daemon.root, 'pid');
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'stat -c "%a %F" /outer/in /outer/in/file'], HostConfig: { Binds: ['/tmp:/fresh/deep', `${file}:/fresh-file`, 'outer:/outer', `${file}:/outer/in/file`] } });
    const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
    await client.containers.start(Id);
    assert.equal((await result).StatusCode, 0);
    const { Mountpoint } = await client.volumes.inspect('outer');
    const upper = (await client.containers.inspect(Id)).GraphDriver.Data?.['UpperDir'] ?? '';
    const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
    assert.deepEqual(['fresh', 'fresh/deep', 'fresh-file', 'outer'].map((path) => modeOf(join(upper, path))), ['755', '755', '644', '755']);
    assert.deepEqual(['in', 'in/file'].map((path) => modeOf(join(Mountpoint, path))), ['755', '644']);
    assert.equal(existsSync(join(upper, 'outer/in')), false);
  });

  await t.test('what contradicts itself must be refused and leave no volume behind', async () => {
    const before = (await client.volumes.list()).Volumes.length;
    for (const [host, message] of [
      [{ Binds: ['/tmp:/d:nocopy'] }, /field VolumeOptions must not be specified/],
      [{ Binds: ['named:/d:rshared'] }, /field BindOptions must not be specified/],
      [{ Binds: ['/tmp:/d:cached,delegated'] }, /invalid mode: cached,delegated/],
      [{ Binds: ['fresh:/d'], Tmpfs: { '/d': '' } }, /Duplicate mount point: \/d/],
      [{ Mounts: [{ Type: 'volume', Target: '/d', ReadOnly: true }] }, /must not set ReadOnly mode when using anonymous volumes/],
      [{ Binds: ['/tmp:/a', 'fresh:/etc/passwd'] }, /source .*\/etc\/passwd is not directory/],
    ] as const) await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: host as object }), message);
    const left = (await client.volumes.list()).Volumes.map(({ Name }) => Name);
    // A named volume stays, as with Docker.
    assert.deepEqual([left.length, left.includes('fresh')], [before + 1, true]);
  });
});
