/** Containers with users of their own: a daemon with `userns-remap`, for an account that is this test's own. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '#kernel/run-program.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const account = `dhowt${randomBytes(4).toString('hex')}`;
const base = 65536 * randomInt(10_000, 30_000);
const program = fileURLToPath(new URL('../../bin/dhow.mjs', import.meta.url));
let daemon: TestDaemon;

before(async () => {
  await succeed('useradd', ['--system', '--no-create-home', '--shell', '/bin/false', '--user-group', account]);
  for (const option of ['--add-subuids', '--add-subgids']) await succeed('usermod', [option, `${base}-${base + 65535}`, account]);
  daemon = await TestDaemon.start({ arguments: ['--userns-remap', account], prepare: ({ root }) => chmodSync(root, 0o711) });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await succeed('userdel', [account]);
});

/** The lock on the accounts may be somebody else's for a moment. */
async function succeed(program: string, parameters: readonly string[]): Promise<void> {
  await eventually(`${program} ${parameters.join(' ')}`, async () => {
    const { exitCode, stderr } = await runProgram(program, parameters);
    assert.equal(exitCode, 0, stderr);
  });
}

const rootOf = (): string => join(daemon.dataRoot, `${base}.${base}`);

async function started(script: string, host: Record<string, unknown> = {}, config: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', script], HostConfig: host, ...config } as never);
  await daemon.client.containers.start(Id);
  return Id;
}

async function execute(id: string, script: string, further: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.execs.create(id, { Cmd: ['sh', '-c', script], AttachStdout: true, AttachStderr: true, Tty: true, ...further });
  const chunks = await Array.fromAsync(await daemon.client.execs.startAttached(Id, { Tty: true }));
  return Buffer.concat(chunks).toString().replaceAll('\r', '').trim();
}

interface Member {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

async function membersOf(archive: AsyncIterable<Uint8Array>): Promise<Member[]> {
  const members: Member[] = [];
  for await (const { entry, body } of readTar(archive)) {
    for await (const _chunk of body);
    members.push({ name: entry.name, uid: entry.uid, gid: entry.gid });
  }
  return members;
}

async function archiveOf(files: Readonly<Record<string, { text: string; uid?: number; gid?: number }>>): Promise<Buffer> {
  const list = Object.entries(files).map(([name, { text, uid = 0, gid = 0 }]) => {
    const body = Buffer.from(text);
    return { header: { name, type: 'file' as const, mode: 0o644, uid, gid, size: body.length }, body };
  });
  return Buffer.concat(await Array.fromAsync(writeTar(list as never)));
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const ownerOf = (path: string): string => {
  const { uid, gid } = statSync(path);
  return `${uid}:${gid}`;
};

test('containers must have users of their own, and the data root must be closed to everybody else', async () => {
  const info = await daemon.client.system.info();
  assert.ok(JSON.stringify(info.SecurityOptions).includes('"name=userns"'));
  assert.equal(info.DockerRootDir, rootOf());
  assert.equal(statSync(rootOf()).mode & 0o777, 0o710);
  assert.equal(ownerOf(rootOf()), `0:${base}`);
  const { exitCode, output } = await daemon.run(['sh', '-c', 'cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g / /bin /etc/hosts /dev/shm; echo through > /dev/stdout; cat /proc/sys/net/ipv4/ping_group_range; ip link set lo mtu 1400'], { CapAdd: ['NET_ADMIN'] });
  assert.deepEqual(output.trim().split('\n').map((line) => line.trim().replace(/\s+/g, ' ')), [`0 ${base} 65536`, `0 ${base} 65536`, '0:0', '0:0', '0:0', '0:0', 'through', '0 65535']);
  assert.equal(exitCode, 0);
});

test('execs, terminals, users, working directories and volumes must belong to the users of the container', async () => {
  const id = await started('touch /made && chown 7:8 /made && touch /data/file && sleep 1000', { Binds: ['kept:/data', 'filled:/home'], IpcMode: 'shareable' }, { WorkingDir: '/new/place', Tty: true });
  await eventually('the container has made its files', async () => assert.equal(await execute(id, 'stat -c %u:%g /made /data/file /new/place $(tty) /dev/shm'), ['7:8', '0:0', '0:0', '0:5', '0:0'].join('\n')));
  assert.equal(await execute(id, 'touch /dev/shm/mine; id -u; id -g; stat -c %u:%g /dev/shm/mine', { User: '5:6' }), '5\n6\n5:6');
  const { State } = await daemon.client.containers.inspect(id);
  assert.equal(readFileSync(`/proc/${State.Pid}/uid_map`, 'utf8').trim().replace(/\s+/g, ' '), `0 ${base} 65536`);
  assert.equal(statSync(`/proc/${State.Pid}`).uid, base);
  const volume = join(rootOf(), 'volumes/kept/_data');
  assert.deepEqual([ownerOf(volume), ownerOf(join(volume, 'file')), ownerOf(join(rootOf(), 'volumes/filled/_data'))], [`${base}:${base}`, `${base}:${base}`, `${base}:${base}`]);
  // What a bind shows of the host is written as nobody's root.
  const shared = join(daemon.root, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  writeFileSync(join(shared, 'secret'), 'x', { mode: 0o600 });
  const { output } = await daemon.run(['sh', '-c', 'touch /s/new; stat -c %u:%g /s/new /s/secret; cat /s/secret'], { Binds: [`${shared}:/s`] });
  assert.match(output, /^0:0\n65534:65534\ncat: .*Permission denied/);
  assert.equal(ownerOf(join(shared, 'new')), `${base}:${base}`);
});

test('copies in both directions, exports, commits and layers must name owners as the container does', async () => {
  const { client } = daemon;
  for (const running of [true, false]) {
    const id = await started('touch /made; chown 7:8 /made; mkdir /dir; [ -n "$WAIT" ] && exec sleep 1000; true', { Binds: ['copied:/data'] }, { Env: running ? ['WAIT=1'] : [] });
    if (running) await eventually('it is made', async () => assert.equal(await execute(id, 'ls -d /dir'), '/dir'));
    else await eventually('it ended', async () => assert.equal((await client.containers.inspect(id)).State.Status, 'exited'));
    await client.archives.copyIn(id, '/dir', once(await archiveOf({ 'a/b': { text: 'in', uid: 12, gid: 13 } })));
    await client.archives.copyIn(id, '/data', once(await archiveOf({ [`from-${running}`]: { text: 'in', uid: 12, gid: 13 } })));
    assert.equal(ownerOf(join(rootOf(), `volumes/copied/_data/from-${running}`)), `${base + 12}:${base + 13}`);
    const owners = async (path: string): Promise<Member[]> => membersOf((await client.archives.copyOut(id, path)).archive);
    assert.deepEqual(await owners('/made'), [{ name: 'made', uid: 7, gid: 8 }]);
    assert.deepEqual((await owners('/dir')).map(({ name, uid, gid }) => `${name} ${uid}:${gid}`), ['dir/ 0:0', 'dir/a/ 0:0', 'dir/a/b 12:13']);
    const exported = await membersOf(await client.archives.export(id));
    assert.deepEqual(exported.find(({ name }) => name === 'dir/a/b'), { name: 'dir/a/b', uid: 12, gid: 13 });
    assert.deepEqual(exported.filter(({ uid }) => uid > 100), []);
    await assert.rejects(client.archives.copyIn(id, '/dir', once(await archiveOf({ far: { text: '', uid: 70_000 } }))), /Container ID 70000 cannot be mapped to a host ID/);
    const { Id } = await client.builds.commit(id, { repository: 'committed', tag: String(running) } as never);
    const made = await client.containers.create({ Image: Id, Cmd: ['stat', '-c', '%u:%g', '/made', '/dir/a/b'] } as never);
    const { result } = await client.containers.wait(made.Id, { condition: 'next-exit' });
    await client.containers.start(made.Id);
    await result;
    assert.equal(await daemon.logsOf(made.Id), '7:8\n12:13\n');
  }
});

test('images must have the digests they have in a store without remapping', async () => {
  await using plain = await TestDaemon.start({ image: false });
  const archive = Buffer.concat(await Array.fromAsync(await daemon.client.images.save(['busybox:latest'])));
  const loaded = await plain.client.images.load(once(archive));
  for await (const _chunk of loaded.body);
  const [here, there] = await Promise.all([daemon, plain].map(async ({ client }) => client.transport.json<{ Id: string; RootFS: unknown }>({ method: 'GET', path: '/images/busybox/json' })));
  assert.deepEqual([here?.Id, here?.RootFS], [there?.Id, there?.RootFS]);
  const again = Buffer.concat(await Array.fromAsync(await plain.client.images.save(['busybox:latest'])));
  assert.deepEqual((await membersOf(once(again))).map(({ name }) => name).sort(), (await membersOf(once(archive))).map(({ name }) => name).sort());
});

test('builds must run and copy as in a store without remapping', async () => {
  const dockerfile = `FROM busybox AS one
RUN touch /made && chown 5:6 /made && [ "$(awk '{print $2}' /proc/self/uid_map)" = ${base} ]
WORKDIR /work
COPY --chown=9:10 file /chosen
FROM busybox
COPY --from=one /made /chosen /
COPY file /plain
RUN stat -c %u:%g /made /chosen /plain > /owners && chown 3 /plain
`;
  const context = await archiveOf({ Dockerfile: { text: dockerfile }, file: { text: 'x' } });
  for await (const message of await daemon.client.builds.build(once(context), { query: { t: 'built' } })) assert.equal(message.error, undefined);
  const { Id } = await daemon.client.containers.create({ Image: 'built', Cmd: ['sh', '-c', 'cat /owners; stat -c %u:%g /made /chosen /plain'] } as never);
  const { result } = await daemon.client.containers.wait(Id, { condition: 'next-exit' });
  await daemon.client.containers.start(Id);
  await result;
  assert.equal(await daemon.logsOf(Id), '5:6\n9:10\n0:0\n5:6\n9:10\n3:0\n');
});

test('mounts of build steps must belong to the users of the step', async () => {
  const context = join(daemon.root, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'secret'), 'hidden');
  writeFileSync(join(context, 'Dockerfile'), `FROM busybox AS one
RUN touch /made && chown 5:6 /made
FROM busybox
WORKDIR /work
RUN --mount=type=cache,target=/cache,uid=3 --mount=type=bind,from=one,target=/other --mount=type=secret,id=word,target=/word,uid=4 \\
  stat -c %u:%g /cache /other/made /word /work > /owners && cat /word >> /owners && touch /cache/kept
COPY --from=one /made /made
RUN stat -c %u:%g /made >> /owners
`);
  const { exitCode, stderr } = await runProgram(process.execPath, [program, '-H', `unix://${daemon.socket}`, 'build', '--progress', 'plain', '--secret', `id=word,src=${context}/secret`, '-t', 'mounted', context]);
  assert.equal(exitCode, 0, stderr);
  const { Id } = await daemon.client.containers.create({ Image: 'mounted', Cmd: ['cat', '/owners'] } as never);
  const { result } = await daemon.client.containers.wait(Id, { condition: 'next-exit' });
  await daemon.client.containers.start(Id);
  await result;
  assert.equal(await daemon.logsOf(Id), '3:0\n5:6\n4:0\n0:0\nhidden5:6\n');
});

test('what needs the host’s users must be refused in Docker’s words, and allowed with --userns=host', async () => {
  const asked = [
    [{ Privileged: true }, 'privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode'],
    [{ NetworkMode: 'host' }, "cannot share the host's network namespace when user namespaces are enabled"],
    [{ PidMode: 'host' }, 'cannot share the host PID namespace when user namespaces are enabled'],
  ] as const;
  for (const [host, message] of asked) {
    await assert.rejects(daemon.run(['true'], host), { message });
    const { exitCode, output } = await daemon.run(['sh', '-c', 'cat /proc/self/uid_map; stat -c %u:%g /bin'], { ...host, UsernsMode: 'host' });
    assert.match(output, /^ +0 +0 +4294967295\n0:0\n$/);
    assert.equal(exitCode, 0);
  }
  const id = await started('sleep 1000', { UsernsMode: 'host' });
  assert.equal((await daemon.client.containers.inspect(id)).HostConfig.UsernsMode, 'host');
  assert.deepEqual(await membersOf((await daemon.client.archives.copyOut(id, '/bin/sh')).archive), [{ name: 'sh', uid: 0, gid: 0 }]);
});

test('mounts that come while a container runs must belong to its users, and come again after a restart', async () => {
  const { client } = daemon;
  const id = await started('sleep 1000', { ReadonlyRootfs: true });
  const source = join(daemon.root, 'shown');
  mkdirSync(source);
  chmodSync(source, 0o755);
  writeFileSync(join(source, 'file'), 'of the host');
  await client.containers.update(id, {
    MountAdd: [
      { Type: 'volume', Source: 'late', Target: '/late/volume' }, { Type: 'tmpfs', Target: '/memory' }, { Type: 'bind', Source: source, Target: '/shown', ReadOnly: true },
      { Type: 'image', Source: 'busybox', Target: '/image' },
    ],
  });
  const look = 'touch /late/volume/made /memory/made && stat -c "%u:%g" /late/volume/made /memory /memory/made /image/bin; cat /shown/file; touch /shown/no /image/no /no 2>&1 | grep -c Read-only';
  const seen = '0:0\n0:0\n0:0\n0:0\nof the host3';
  assert.equal(await execute(id, look), seen);
  assert.equal(statSync(join(rootOf(), 'volumes/late/_data/made')).uid, base);
  await client.containers.restart(id, { timeout: 0 });
  assert.equal(await execute(id, look), seen);
  await client.containers.update(id, { MountRemove: ['/late/volume', '/memory', '/shown', '/image'] });
  assert.equal(await execute(id, 'grep -cE " /(late|memory|shown|image)" /proc/self/mountinfo'), '0');
  assert.deepEqual((await client.containers.inspect(id)).Mounts, []);
  await client.containers.remove(id, { force: true });
});

test('containers that share namespaces must share their users, too', async () => {
  const donor = await started('sleep 1000', { IpcMode: 'shareable' });
  const { State } = await daemon.client.containers.inspect(donor);
  const users = await execute(donor, 'readlink /proc/1/ns/user');
  for (const host of [{ NetworkMode: `container:${donor}` }, { PidMode: `container:${donor}` }, { IpcMode: `container:${donor}` }]) {
    const { exitCode, output } = await daemon.run(['sh', '-c', 'readlink /proc/self/ns/user; ls /sys/class/net'], host);
    assert.equal(output, `${users}\neth0\nlo\n`);
    assert.equal(exitCode, 0);
  }
  assert.ok(State.Pid > 0);
});

test('a next daemon must take up containers with users of their own', async () => {
  const id = await started('sleep 1000', { Binds: ['recovered:/data'] });
  await daemon.kill();
  await daemon.launch();
  assert.equal((await daemon.client.containers.inspect(id)).State.Running, true);
  assert.equal(await execute(id, 'touch /after /data/after; stat -c %u:%g /after /data/after'), '0:0\n0:0');
  await daemon.client.archives.copyIn(id, '/', once(await archiveOf({ copied: { text: 'in', uid: 3 } })));
  await daemon.client.containers.restart(id, { timeout: 0 });
  assert.equal(await execute(id, 'stat -c %u:%g /after /copied'), '0:0\n3:0');
  await daemon.client.containers.remove(id, { force: true });
  assert.deepEqual((await daemon.remains()).filter((line) => line.includes(id.slice(0, 32))), []);
});

test('the vfs driver must map users as well', async () => {
  await using copying = await TestDaemon.start({ arguments: ['--userns-remap', account, '--storage-driver', 'vfs'], prepare: ({ root }) => chmodSync(root, 0o711) });
  const { exitCode, output } = await copying.run(['sh', '-c', 'touch /made; chown 4 /made; stat -c %u:%g /made /bin; cat /proc/self/uid_map']);
  assert.match(output, new RegExp(`^4:0\n0:0\n +0 +${base} +65536\n$`));
  assert.equal(exitCode, 0);
});

test('a data root that the containers’ root cannot get to must be refused with Docker’s words', async () => {
  const closed = TestDaemon.start({ arguments: ['--userns-remap', account], image: false });
  await assert.rejects(closed, /a subdirectory in your graphroot path \(.*\) restricts access to the remapped root uid\/gid; please fix by allowing 'o\+x' permissions on existing directories/);
});
