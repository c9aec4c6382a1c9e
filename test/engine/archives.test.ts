/** Copying into and out of containers of a real daemon, with containers and archives that try to get out. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ApiError } from '#client/client-error.ts';
import { readMounts } from '#kernel/mounts.ts';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import type { TarEntry } from '#oci/tar/tar-entry.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;
let directory: string;
before(async () => {
  daemon = await TestDaemon.start();
  directory = mkdtempSync('/tmp/dhow-archives-');
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

async function created(command: readonly string[] = ['true'], host: Record<string, unknown> = {}, config: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: [...command], HostConfig: host, ...config } as never);
  return Id;
}

async function ended(script: string, host: Record<string, unknown> = {}): Promise<string> {
  const id = await created(['sh', '-c', script], host);
  const { result } = await daemon.client.containers.wait(id, { condition: 'next-exit' });
  await daemon.client.containers.start(id);
  await result;
  return id;
}

async function running(script: string, host: Record<string, unknown> = {}): Promise<string> {
  const id = await created(['sh', '-c', script], host);
  await daemon.client.containers.start(id);
  return id;
}

async function archiveOf(members: readonly (TarHeader & { readonly text?: string })[]): Promise<Buffer> {
  const list = members.map(({ text, ...header }) => ({ header, ...(text !== undefined && { body: Buffer.from(text) }) }));
  return Buffer.concat(await Array.fromAsync(writeTar(list)));
}

async function membersOf(archive: AsyncIterable<Uint8Array>): Promise<(TarEntry & { readonly text: string })[]> {
  const members: (TarEntry & { readonly text: string })[] = [];
  for await (const { entry, body } of readTar(archive)) members.push({ ...entry, text: Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>)).toString() });
  return members;
}

async function copied(id: string, path: string): Promise<(TarEntry & { readonly text: string })[]> {
  return membersOf((await daemon.client.archives.copyOut(id, path)).archive);
}

const refused = (status: number, message: string | RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof ApiError, String(error));
  assert.deepEqual([error.status, typeof message === 'string' ? error.message : message.test(error.message)], [status, typeof message === 'string' ? message : true], error.message);
  return true;
};

test('changes must tell what was added, modified and deleted, and nothing for a new container', async () => {
  const id = await ended('mkdir -p /a/b; touch /a/b/c /tmp/gone; rm /tmp/gone; rm /etc/group; chmod 700 /home; rm -r /root; mkdir /root; echo x > /root/new');
  assert.deepEqual(await daemon.client.archives.changes(id), [
    { Path: '/a', Kind: 1 },
    { Path: '/a/b', Kind: 1 },
    { Path: '/a/b/c', Kind: 1 },
    { Path: '/etc', Kind: 0 },
    { Path: '/etc/group', Kind: 2 },
    { Path: '/home', Kind: 0 },
    { Path: '/root', Kind: 0 },
    { Path: '/root/new', Kind: 1 },
  ]);
  assert.equal(await daemon.client.archives.changes(await created()), null);
});

test('a directory that replaces the image’s must show what is missing in it as deleted', async () => {
  const id = await ended('rm -r /etc; mkdir /etc; echo x > /etc/group');
  const changes = (await daemon.client.archives.changes(id)) ?? [];
  assert.deepEqual(changes.filter(({ Path }) => Path === '/etc' || Path === '/etc/group' || Path === '/etc/passwd'), [
    { Path: '/etc', Kind: 0 },
    { Path: '/etc/group', Kind: 0 },
    { Path: '/etc/passwd', Kind: 2 },
  ]);
});

test('a copy in and out must keep contents, modes, owners, times and hard links, in a stopped and in a running container', async () => {
  const modified = { seconds: 1_700_000_000, nanoseconds: 0 };
  const archive = await archiveOf([
    { name: 'd/', type: 'directory', mode: 0o1750, uid: 5, gid: 6, modified },
    { name: 'd/file', type: 'file', mode: 0o4755, uid: 7, gid: 8, modified, text: 'contents' },
    { name: 'd/hard', type: 'hardlink', linkName: 'd/file', mode: 0o4755, uid: 7, gid: 8, modified },
    { name: 'd/link', type: 'symlink', linkName: '/etc/passwd', modified },
  ]);
  for (const id of [await created(), await running('sleep 1000')]) {
    await daemon.client.archives.copyIn(id, '/tmp', gzipSync(archive));
    const members = await copied(id, '/tmp/d');
    assert.deepEqual(
      members.map(({ name, type, mode, uid, gid, linkName, text }) => [name, type, mode, uid, gid, linkName, text]),
      [
        ['d/', 'directory', 0o1750, 5, 6, '', ''],
        ['d/file', 'file', 0o4755, 7, 8, '', 'contents'],
        ['d/hard', 'hardlink', 0o4755, 7, 8, 'd/file', ''],
        ['d/link', 'symlink', 0o777, 0, 0, '/etc/passwd', ''],
      ],
    );
    assert.deepEqual(members.map((member) => member.modified.seconds), Array(4).fill(1_700_000_000));
    const stat = await daemon.client.archives.stat(id, '/tmp/d/link');
    assert.deepEqual([stat.name, stat.linkTarget, stat.mode], ['link', '/etc/passwd', 2 ** 27 + 0o777]);
  }
});

test('volumes and binds must be seen, read-only ones only read, and what is in memory not', async () => {
  const bound = join(directory, 'bound');
  mkdirSync(bound);
  writeFileSync(join(bound, 'file'), 'of the host');
  const host = { Binds: [`${bound}:/bound`, 'archives-volume:/volume', `${bound}:/fixed:ro`], Tmpfs: { '/memory': '' } };
  const id = await running('echo v > /volume/f; echo m > /memory/f; touch /ready; sleep 1000', host);
  await eventually('the container has written', async () => daemon.client.archives.stat(id, '/ready'));
  const archive = await archiveOf([{ name: 'new', type: 'file', text: 'new' }]);
  const look = async (): Promise<void> => {
    assert.equal((await copied(id, '/bound/file'))[0]?.text, 'of the host');
    assert.equal((await copied(id, '/volume/f'))[0]?.text, 'v\n');
    await assert.rejects(daemon.client.archives.stat(id, '/memory/f'), (error: unknown) => error instanceof ApiError && error.status === 404);
    await daemon.client.archives.copyIn(id, '/bound', archive);
    await daemon.client.archives.copyIn(id, '/volume', archive);
    await assert.rejects(daemon.client.archives.copyIn(id, '/fixed', archive), refused(400, 'mounted volume is marked read-only'));
    assert.equal(readFileSync(join(bound, 'new'), 'utf8'), 'new');
    assert.equal((await copied(id, '/volume/new'))[0]?.text, 'new');
    rmSync(join(bound, 'new'));
  };
  await look();
  await daemon.client.containers.kill(id);
  await look();
  await eventually('nothing of the stopped container stays mounted', async () => assert.equal(await isMounted(id), false));
});

test('a part of a volume must be seen as the container sees it', async () => {
  const all = [{ Type: 'volume', Source: 'archives-parts', Target: '/all' }];
  await ended('mkdir -p /all/part; echo p > /all/part/f', { Mounts: all });
  const id = await created(['true'], { Mounts: [{ Type: 'volume', Source: 'archives-parts', Target: '/part', VolumeOptions: { Subpath: 'part' } }] });
  assert.equal((await copied(id, '/part/f'))[0]?.text, 'p\n');
});

test('a read-only root file system, missing places and what is no directory must be refused with Docker’s words', async () => {
  const { archives } = daemon.client;
  const archive = await archiveOf([{ name: 'new', type: 'file', text: 'new' }]);
  const fixed = await created(['true'], { ReadonlyRootfs: true });
  await assert.rejects(archives.copyIn(fixed, '/tmp', archive), refused(400, 'container rootfs is marked read-only'));
  const id = await created();
  await assert.rejects(archives.copyIn(id, '/none', archive), refused(404, `Could not find the file /none in container ${id}`));
  await assert.rejects(archives.copyIn(id, '/etc/passwd', archive), refused(400, 'extraction point is not a directory'));
  await assert.rejects(archives.copyOut(id, '/etc/passwd/x'), refused(500, 'lstat /etc/passwd/x: not a directory'));
  await assert.rejects(archives.copyOut(id, ''), refused(400, 'bad parameter: pathcannot be empty'));
  await assert.rejects(archives.copyIn(id, '/', await archiveOf([{ name: 'etc', type: 'file', text: '' }]), { noOverwriteDirNonDir: true }), refused(500, 'cannot overwrite directory "etc" with non-directory "/"'));
  await assert.rejects(archives.copyIn(id, '/tmp', Buffer.from('garbage')), refused(500, 'unexpected EOF'));
});

test('entries that name places outside, and links to there, must not lead out of the container', async () => {
  const { archives } = daemon.client;
  const secret = join(directory, 'secret');
  writeFileSync(secret, 'of the host');
  const id = await ended(`ln -s ${directory} /away; ln -s ${secret} /peek; ln -s ../../../../../../..${directory} /up`);
  for (const name of ['../escaped', 'a/../../escaped']) {
    await assert.rejects(archives.copyIn(id, '/tmp', await archiveOf([{ name, type: 'file', text: 'x' }])), refused(500, `invalid entry name ${JSON.stringify(name)}`));
  }
  await assert.rejects(archives.copyIn(id, '/tmp', await archiveOf([{ name: 'hard', type: 'hardlink', linkName: `../../..${secret}` }])), refused(500, /^invalid hardlink target/));
  await archives.copyIn(id, '/tmp', await archiveOf([
    { name: 'through', type: 'symlink', linkName: directory },
    { name: 'through/escaped', type: 'file', text: 'x' },
  ]));
  await assert.rejects(archives.copyIn(id, '/away', await archiveOf([{ name: 'escaped', type: 'file', text: 'x' }])), refused(404, /^Could not find the file/));
  for (const path of ['/away/secret', '/up/secret', '/peek/', '/../../../..' + secret]) await assert.rejects(archives.copyOut(id, path), refused(404, /^Could not find the file/));
  assert.equal((await copied(id, '/peek'))[0]?.type, 'symlink');
  assert.deepEqual(readdirSync(directory).filter((name) => name === 'escaped'), []);
  assert.equal(existsSync('/escaped') || existsSync('/tmp/escaped'), false);
});

test('device nodes must be copied as such and never read', async () => {
  const id = await created();
  await daemon.client.archives.copyIn(id, '/tmp', await archiveOf([
    { name: 'zero', type: 'character', deviceMajor: 1, deviceMinor: 5 },
    { name: 'pipe', type: 'fifo' },
  ]));
  const members = await copied(id, '/tmp');
  assert.deepEqual(members.map(({ name, type, deviceMajor, deviceMinor }) => [name, type, deviceMajor, deviceMinor]), [
    ['tmp/', 'directory', 0, 0],
    ['tmp/pipe', 'fifo', 0, 0],
    ['tmp/zero', 'character', 1, 5],
  ]);
});

test('a container that swaps directories for links while files are copied must neither read nor write the host’s', async (t) => {
  const trap = join(directory, 'trap');
  mkdirSync(join(trap, 'sub'), { recursive: true });
  writeFileSync(join(trap, 'sub', 'secret'), 'of the host');
  const id = await running(`mkdir -p /race/sub /keep${trap}; echo own > /race/sub/secret; while :; do mv /race /aside; ln -s ${trap} /race; rm /race; mv /aside /race; done`);
  t.after(async () => daemon.client.containers.remove(id, { force: true }));
  const archive = await archiveOf([
    { name: 'sub/', type: 'directory' },
    { name: 'sub/planted', type: 'file', text: 'x' },
  ]);
  let reached = 0;
  for (let round = 0; round < 60; round++) {
    const attempts = await Promise.allSettled([copied(id, '/race/sub'), copied(id, '/race/'), daemon.client.archives.copyIn(id, '/race', archive), daemon.client.archives.changes(id)]);
    for (const attempt of attempts) if (attempt.status === 'rejected') assert.ok(attempt.reason instanceof ApiError, String(attempt.reason));
    for (const attempt of attempts.slice(0, 2)) {
      if (attempt.status !== 'fulfilled') continue;
      reached++;
      assert.equal((attempt.value as (TarEntry & { text: string })[]).some(({ text }) => text === 'of the host'), false);
    }
    assert.deepEqual(readdirSync(join(trap, 'sub')), ['secret']);
  }
  assert.ok(reached > 0, 'no copy met the directory');
});

test('an export must have the whole root file system and nothing of volumes', async () => {
  const id = await ended('echo data > /file; echo v > /volume/file', { Binds: ['archives-export:/volume'] });
  const names = (await membersOf(await daemon.client.archives.export(id))).map(({ name }) => name);
  for (const name of ['.dockerenv', 'bin/sh', 'etc/passwd', 'file', 'proc/', 'volume/']) assert.ok(names.includes(name), name);
  assert.deepEqual(names.filter((name) => name.startsWith('volume/') && name !== 'volume/'), []);
  assert.deepEqual(names, names.toSorted((left, right) => compareWalk(left, right)));
});

/** The order of a walk: what is in a directory comes right behind it. */
function compareWalk(left: string, right: string): number {
  const [a, b] = [left, right].map((name) => name.replace(/\/$/, '').split('/'));
  for (let at = 0; ; at++) {
    const [first, second] = [a?.[at], b?.[at]];
    if (first === undefined || second === undefined) return first === second ? 0 : first === undefined ? -1 : 1;
    if (first !== second) return first < second ? -1 : 1;
  }
}

test('a client that leaves in the middle of an export must leave nothing mounted and hold nothing', async () => {
  const id = await ended('dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null');
  const leaving = new AbortController();
  const archive = await daemon.client.archives.export(id, leaving.signal);
  await assert.rejects(async () => {
    for await (const chunk of archive) if (chunk.length > 0) leaving.abort();
  });
  await eventually('the file system is unmounted', async () => assert.equal(await isMounted(id), false));
  await daemon.client.containers.remove(id);
});

async function isMounted(id: string): Promise<boolean> {
  const { GraphDriver } = await daemon.client.containers.inspect(id);
  return readMounts().some(({ mountPoint }) => mountPoint === GraphDriver.Data?.['MergedDir']);
}

test('changes must be the same where file systems are copied instead of overlaid', async () => {
  await using copying = await TestDaemon.start({ arguments: ['--storage-driver', 'vfs'] });
  const { client } = copying;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'mkdir /a; touch /a/b; rm /etc/group; chmod 700 /home'] });
  assert.equal(await client.archives.changes(Id), null);
  const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
  await client.containers.start(Id);
  await result;
  assert.deepEqual(await client.archives.changes(Id), [
    { Path: '/a', Kind: 1 },
    { Path: '/a/b', Kind: 1 },
    { Path: '/etc', Kind: 0 },
    { Path: '/etc/group', Kind: 2 },
    { Path: '/home', Kind: 0 },
  ]);
  const { archive } = await client.archives.copyOut(Id, '/a');
  assert.deepEqual((await membersOf(archive)).map(({ name }) => name), ['a/', 'a/b']);
});
