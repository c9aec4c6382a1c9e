import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
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

  await t.test('a tmpfs must not be mounted over /proc either, and must have the propagation it is given', async () => {
    await assert.rejects(run('true', { Tmpfs: { '/proc': '' } }), /error mounting "tmpfs" to rootfs at "\/proc": .* cannot be mounted because it is not of type proc/);
    await assert.rejects(run('true', { Mounts: [{ Type: 'tmpfs', Target: '/proc/sys' }] }), /cannot be mounted because it is inside \/proc/);
    const fieldOf = async (option: string): Promise<string> => run("grep ' /t ' /proc/self/mountinfo | cut -d' ' -f7 | cut -d: -f1", { Tmpfs: { '/t': option } });
    assert.deepEqual([await fieldOf('shared'), await fieldOf('unbindable'), await fieldOf('private')], ['shared', 'unbindable', '-']);
  });

  await t.test('a bind must show what is mounted below its source only where that is asked for, and pass on what is mounted later', async () => {
    const source = join(daemon.root, 'tree');
    using mounted = new DisposableStack();
    for (const [path, shared] of [[source, false], [join(source, 'below'), false], [join(daemon.root, 'passed-on'), true]] as const) {
      mkdirSync(path, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', 'tree', path]);
      mounted.defer(() => void execFileSync('umount', ['-l', path]));
      execFileSync('mount', [shared ? '--make-shared' : '--make-private', path]);
    }
    writeFileSync(join(source, 'below/file'), '');
    const bind = (NonRecursive: boolean): object => ({ Mounts: [{ Type: 'bind', Source: source, Target: '/d', BindOptions: { NonRecursive } }] });
    assert.deepEqual([await run('ls /d/below', bind(false)), await run('ls /d/below', bind(true))], ['file', '']);
    await assert.rejects(run('true', { Binds: [`${join(source, 'below')}:/d:rshared`] }), { status: 500, message: `path ${join(source, 'below')} is mounted on ${join(source, 'below')} but it is not a shared mount` });
    await assert.rejects(run('true', { Binds: [`${source}:/d:slave`] }), { status: 500, message: `path ${source} is mounted on ${source} but it is not a shared or slave mount` });

    const passedOn = join(daemon.root, 'passed-on');
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'until test -e /d/late/seen; do sleep 0.05; done'], HostConfig: { Binds: [`${passedOn}:/d:rslave`] } });
    const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
    await client.containers.start(Id);
    mkdirSync(join(passedOn, 'late'));
    execFileSync('mount', ['-t', 'tmpfs', 'late', join(passedOn, 'late')]);
    mounted.defer(() => void execFileSync('umount', ['-l', join(passedOn, 'late')]));
    writeFileSync(join(passedOn, 'late/seen'), '');
    assert.equal((await result).StatusCode, 0);
  });

  await t.test('sources that cannot be made or looked at must be told of, also where the kernel makes no directories', async () => {
    const place = join(daemon.root, 'sources');
    mkdirSync(place);
    symlinkSync('nowhere', join(place, 'dangling'));
    symlinkSync('loop', join(place, 'loop'));
    writeFileSync(join(place, 'file'), '');
    await assert.rejects(run('true', { Binds: [`${place}/dangling:/d`] }), { message: `error while creating mount source path '${place}/dangling': mkdir ${place}/dangling: file exists` });
    await assert.rejects(run('true', { Binds: [`${place}/file/below:/d`] }), { message: /failed to fulfil mount request: open .*\/file\/below: not a directory: Are you trying/ });
    await assert.rejects(run('true', { Binds: ['/proc/1/none/below:/d'] }), { message: "error while creating mount source path '/proc/1/none/below': mkdir /proc/1/none: no such file or directory" });
    const mount = (path: string): object => ({ Mounts: [{ Type: 'bind', Source: join(place, path), Target: '/d' }] });
    await assert.rejects(run('true', mount('loop')), { status: 400, message: `invalid mount config for type "bind": stat ${place}/loop: too many levels of symbolic links` });
    await assert.rejects(run('true', mount('file/below')), { status: 400, message: `invalid mount config for type "bind": stat ${place}/file/below: not a directory` });
  });

  await t.test('a removal by force must leave the unnamed volumes of a container that removes itself, unless told otherwise', async () => {
    for (const volumes of [false, true]) {
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '1000'], Volumes: { '/d': {} }, HostConfig: { AutoRemove: true } });
      await client.containers.start(Id);
      const name = (await client.containers.inspect(Id)).Mounts[0]?.Name ?? '';
      await client.containers.remove(Id, { force: true, volumes });
      assert.equal((await client.volumes.list()).Volumes.some(({ Name }) => Name === name), !volumes);
    }
  });

  await t.test('a container with a tmpfs of --mount lends nothing, as with Docker', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', HostConfig: { Mounts: [{ Type: 'tmpfs', Target: '/t' }] } });
    await assert.rejects(client.containers.create({ Image: 'busybox', HostConfig: { VolumesFrom: [Id] } }), { status: 404, message: 'get: no such volume' });
    await client.containers.remove(Id);
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
