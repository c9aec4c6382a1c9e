import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { mount, readMounts, unmount } from '#kernel/mounts.ts';
import type { MountRequest } from '#schema/container-config.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('mounts of a running container must change at once', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const source = join(daemon.root, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'file'), 'from the host');
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'trap exit TERM; ln -s /etc /link; while :; do sleep 0.1; done'], Volumes: { '/anonymous': {} } });
  await client.containers.start(Id);
  const add = async (...mounts: MountRequest[]): Promise<void> => void (await client.containers.update(Id, { MountAdd: mounts }));
  const remove = async (...paths: string[]): Promise<void> => void (await client.containers.update(Id, { MountRemove: paths }));
  const pidOf = async (): Promise<number> => (await client.containers.inspect(Id)).State.Pid;
  const seen = async (): Promise<Map<string, string>> => new Map(readMounts(`/proc/${await pidOf()}/mountinfo`).map(({ mountPoint, options }) => [mountPoint, options.join(',')]));
  const destinations = async (): Promise<string[]> => (await client.containers.inspect(Id)).Mounts.map(({ Destination }) => Destination).sort();
  const read = async (path: string): Promise<string> => readFileSync(`/proc/${await pidOf()}/root${path}`, 'utf8');
  await eventually('the link is made', async () => void (await read('/link/passwd')));

  await t.test('binds, volumes, tmpfs and images must come as at a start', async () => {
    await add(
      { Type: 'bind', Source: source, Target: '/deep/in/bind', ReadOnly: true },
      { Type: 'bind', Source: join(source, 'file'), Target: '/one-file' },
      { Type: 'tmpfs', Target: '/memory', TmpfsOptions: { SizeBytes: 1 << 20, Mode: 0o700 } },
      { Type: 'image', Source: 'busybox', Target: '/image' },
    );
    assert.equal(await read('/deep/in/bind/file'), 'from the host');
    assert.equal(await read('/one-file'), 'from the host');
    assert.match(await read('/image/etc/passwd'), /^root:/);
    const mounts = await seen();
    assert.match(mounts.get('/deep/in/bind') ?? '', /^ro/);
    assert.match(mounts.get('/memory') ?? '', /nosuid,nodev,noexec/);
    assert.deepEqual(await destinations(), ['/anonymous', '/deep/in/bind', '/image', '/memory', '/one-file']);
  });

  await t.test('a new volume must get what the image has there', async () => {
    await add({ Type: 'volume', Source: 'filled', Target: '/root' }, { Type: 'volume', Source: 'data', Target: '/data' });
    const { Mountpoint } = await client.volumes.inspect('data');
    writeFileSync(join(Mountpoint, 'shared'), 'yes');
    assert.equal(await read('/data/shared'), 'yes');
    await assert.rejects(client.volumes.remove('data'), { status: 409 });
  });

  await t.test('what cannot be must be refused with nothing changed', async () => {
    const before = [await destinations(), [...(await seen()).keys()]];
    const bind = (Target: string, Source = source): MountRequest => ({ Type: 'bind', Source, Target });
    await assert.rejects(add(bind('/data')), { status: 400, message: 'Duplicate mount point: /data' });
    await assert.rejects(add(bind('/etc')), { status: 409, message: /\/etc\/\S+ is mounted below it/ });
    await assert.rejects(add(bind('/proc/sys')), /cannot be mounted because it is inside \/proc/);
    await assert.rejects(add(bind('/')), /destination can't be '\/'/);
    await assert.rejects(add(bind('/link/more')), { status: 409, message: /leads through a symbolic link/ });
    await assert.rejects(add(bind('/etc/passwd')), { status: 409, message: /a file is there/ });
    await assert.rejects(add(bind('/x', '/no/such/place')), /bind source path does not exist/);
    await assert.rejects(add(bind('/fine'), bind('/etc/passwd')), { status: 409 });
    await assert.rejects(remove('/nowhere'), { status: 404, message: /has no mount at \/nowhere/ });
    assert.deepEqual([await destinations(), [...(await seen()).keys()]], before);
  });

  await t.test('a mount in use must be refused with its users, and go when it is not', async () => {
    const { Id: execId } = await client.execs.create(Id, { Cmd: ['sleep', '600'], WorkingDir: '/data' });
    await client.execs.startDetached(execId, { Tty: false });
    await eventually('the exec is in the volume', async () => assert.rejects(remove('/data'), /cannot take away the mount at \/data: it is in use by \S+ \(pid \d+, working directory\)/));
    assert.equal(await read('/data/shared'), 'yes');
    const { Pid } = await client.execs.inspect(execId);
    process.kill(Pid, 'SIGKILL');
    await eventually('the volume is free', async () => await remove('/data'));
    assert.equal((await seen()).has('/data'), false);
    assert.equal((await destinations()).includes('/data'), false);
    await client.volumes.remove('data');
  });

  await t.test('what is mounted below a bind must go with it, but not under its users', async () => {
    const inner = join(source, 'inner');
    mkdirSync(inner);
    mount({ source: 'tmpfs', target: inner, type: 'tmpfs' });
    try {
      await add({ Type: 'bind', Source: source, Target: '/tree' });
      assert.equal((await seen()).has('/tree/inner'), true);
      await add({ Type: 'tmpfs', Target: '/tree/own' });
      await assert.rejects(remove('/tree'), { status: 409, message: /\/tree\/own is mounted below it/ });
      await remove('/tree/own');
      await remove('/tree');
      assert.deepEqual([...(await seen()).keys()].filter((path) => path.startsWith('/tree')), []);
    } finally {
      unmount(inner);
    }
  });

  await t.test('it must be so after a restart, and after a crash of the daemon', async () => {
    process.kill(daemon.pid, 'SIGKILL');
    await daemon.launch();
    await remove('/memory', '/one-file');
    await client.containers.restart(Id);
    assert.equal(await read('/deep/in/bind/file'), 'from the host');
    const mounts = await seen();
    assert.deepEqual(['/deep/in/bind', '/image', '/root', '/memory', '/one-file'].map((path) => mounts.has(path)), [true, true, true, false, false]);
  });

  await t.test('a container that does not run must have them at its next start', async () => {
    await client.containers.stop(Id, { timeout: 1 });
    await add({ Type: 'bind', Source: source, Target: '/later' });
    await remove('/deep/in/bind');
    await client.containers.start(Id);
    assert.equal(await read('/later/file'), 'from the host');
    assert.equal((await seen()).has('/deep/in/bind'), false);
  });
});
