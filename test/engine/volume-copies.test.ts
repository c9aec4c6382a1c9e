import assert from 'node:assert/strict';
import { chownSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('volumes must be copied, compared, and go into archives and out of them', async (t) => {
  await using daemon = await TestDaemon.start({ image: false });
  const { volumes } = daemon.client;
  const { Mountpoint: original } = await volumes.create({ Name: 'original' });
  writeFileSync(join(original, 'file'), 'one', { mode: 0o640 });
  chownSync(join(original, 'file'), 1234, 5678);
  mkdirSync(join(original, 'sub'));
  linkSync(join(original, 'file'), join(original, 'sub/same'));
  symlinkSync('/etc/passwd', join(original, 'link'));
  const contentOf = (root: string): unknown[] => {
    const { uid, gid, mode, nlink } = statSync(join(root, 'file'));
    return [readFileSync(join(root, 'sub/same'), 'utf8'), uid, gid, mode & 0o7777, nlink, readdirSync(root).sort()];
  };
  const pack = async (name: string): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for await (const part of await volumes.export(name)) parts.push(Buffer.from(part));
    return Buffer.concat(parts);
  };

  await t.test('a clone must be the same and go its own way', async () => {
    const { Mountpoint } = await volumes.clone('original', { Name: 'clone' });
    assert.deepEqual(contentOf(Mountpoint), contentOf(original));
    writeFileSync(join(Mountpoint, 'file'), 'other');
    assert.equal(readFileSync(join(original, 'file'), 'utf8'), 'one');
    await assert.rejects(volumes.clone('original', { Name: 'clone' }), { status: 409, message: /a volume named clone is there already/ });
    await assert.rejects(volumes.clone('nobody', { Name: 'more' }), { status: 404 });
    await assert.rejects(volumes.clone('original', { Name: '../up' }), { status: 400 });
  });

  await t.test('holes must stay holes, in copies as in archives', async () => {
    const { Mountpoint } = await volumes.create({ Name: 'holey' });
    writeFileSync(join(Mountpoint, 'disk'), 'begin');
    truncateSync(join(Mountpoint, 'disk'), 2 ** 32);
    const archive = await pack('holey');
    assert.ok(archive.length < 2 ** 20, `${archive.length} bytes`);
    const imported = await volumes.import('holey-again', (async function* () { yield archive; })());
    const cloned = await volumes.clone('holey', { Name: 'holey-clone' });
    for (const copy of [imported, cloned]) {
      const { size, blocks } = statSync(join(copy.Mountpoint, 'disk'));
      assert.deepEqual([size, blocks * 512 < 2 ** 20], [2 ** 32, true]);
    }
    for (const name of ['holey', 'holey-again', 'holey-clone']) await volumes.remove(name);
  });

  await t.test('a diff against a snapshot must tell what happened since', async () => {
    const snapshot = await volumes.clone('original', { Snapshot: true });
    assert.match(snapshot.Name, /^original-\d{8}T\d{6}$/);
    assert.deepEqual(snapshot.Labels, { 'dhow.volume.snapshot-of': 'original' });
    assert.deepEqual(await volumes.diff('original', snapshot.Name), []);
    writeFileSync(join(original, 'sub/new'), '');
    writeFileSync(join(original, 'file'), 'longer');
    rmSync(join(original, 'link'));
    assert.deepEqual(await volumes.diff('original', snapshot.Name), [
      { Path: '/file', Kind: 0 },
      { Path: '/link', Kind: 2 },
      { Path: '/sub/new', Kind: 1 },
      { Path: '/sub/same', Kind: 0 },
    ]);
  });

  await t.test('an archive must bring back what was there, plain or compressed', async () => {
    const archive = await pack('original');
    for (const [name, bytes] of [['plain', archive], ['packed', gzipSync(archive)]] as const) {
      const { Mountpoint } = await volumes.import(name, (async function* () { yield bytes; })());
      assert.deepEqual(contentOf(Mountpoint), contentOf(original));
    }
    await assert.rejects(volumes.import('plain', (async function* () { yield archive; })()), { status: 409 });
    for (const length of [0, 512, 3000]) await assert.rejects(volumes.import('cut', (async function* () { yield archive.subarray(0, length); })()), /it breaks off|Unexpected EOF|not look like/);
    await assert.rejects(volumes.inspect('cut'), { status: 404 });
  });

  await t.test('an archive that is none must leave nothing', async () => {
    for (const bytes of [Buffer.from('no archive'), gzipSync(await pack('original')).subarray(0, 100)]) {
      await assert.rejects(volumes.import('broken', (async function* () { yield bytes; })()), { status: 400, message: /the archive could not be packed or unpacked/ });
    }
    const breaksOff = (async function* () {
      yield (await pack('original')).subarray(0, 512);
      throw new Error('the client is gone');
    })();
    await assert.rejects(volumes.import('broken', breaksOff));
    await eventually('what was begun is gone', async () => assert.deepEqual(readdirSync(join(original, '../..')).filter((name) => name.startsWith('.')), []));
    assert.deepEqual(readdirSync(join(original, '../..')).filter((name) => name.includes('broken') || name.startsWith('.')), []);
    await assert.rejects(volumes.inspect('broken'), { status: 404 });
  });

  await t.test('a crash between any two steps must leave a volume whole or none', async () => {
    const home = join(original, '../..');
    await volumes.create({ Name: 'named' });
    writeFileSync(join(home, 'named/_data/kept'), 'whole');
    process.kill(daemon.pid, 'SIGKILL');
    // Full and in the database, but without its name; full and unknown; half full; half filled by an image.
    renameSync(join(home, 'named'), join(home, '.finished-named'));
    mkdirSync(join(home, '.finished-unknown/_data'), { recursive: true });
    mkdirSync(join(home, '.growing-0123456789ab/_data'), { recursive: true });
    mkdirSync(join(home, 'clone/_data.filling/half'), { recursive: true });
    await daemon.launch();
    assert.equal(readFileSync(join(home, 'named/_data/kept'), 'utf8'), 'whole');
    assert.deepEqual(readdirSync(home).filter((name) => name.startsWith('.')), []);
    assert.equal(existsSync(join(home, 'clone/_data.filling')), false);
    assert.equal(readFileSync(join(home, 'clone/_data/file'), 'utf8'), 'other');
  });
});
