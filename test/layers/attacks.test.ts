/** Archives made to do harm, or damaged: each must be refused or kept inside, and leave nothing behind when refused. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { paxBlocks, rawHeader } from './raw-header.ts';
import { gzipSync } from 'node:zlib';
import { archiveOf, attributesOf, temporaryDirectory, testStore, type Part } from './fixtures.ts';

/** The archive must be refused with Docker's words, and nothing remain. */
async function refuses(archive: Buffer, message: string | RegExp): Promise<void> {
  using layers = testStore();
  await assert.rejects(layers.apply(archive), (error) => {
    assert.ok(isFailure(error, 'layer.invalid_archive'), messageOf(error));
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(layers.leftovers(), []);
}

test('names that lead out by .. must be refused', async () => {
  for (const name of ['../evil', 'a/../../evil', '/../evil', 'a/b/../../../evil', '..']) {
    await refuses(archiveOf({ name, body: 'x' }), `invalid entry name ${JSON.stringify(name)}`);
  }
});

test('absolute names and .. that stays inside must be relative to the layer', async () => {
  using layers = testStore();
  const layer = await layers.apply(archiveOf({ name: '/etc/absolute', body: 'x' }, { name: 'a/b/../inside', body: 'y' }, { name: './/c/./d', body: 'z' }));
  const tree = layers.tree(layer.chainId);
  assert.equal(readFileSync(`${tree}/etc/absolute`, 'utf8'), 'x');
  assert.equal(readFileSync(`${tree}/a/inside`, 'utf8'), 'y');
  assert.equal(readFileSync(`${tree}/c/d`, 'utf8'), 'z');
  assert.equal(existsSync('/etc/absolute'), false);
});

test('writing through an absolute link must stay inside the layer', async () => {
  using layers = testStore();
  using outside = temporaryDirectory();
  const parts: Part[] = [
    { name: 'link', type: '2', linkName: outside.path },
    { name: 'link/file', body: 'evil' },
    { name: 'root', type: '2', linkName: '/' },
    { name: 'root/etc/file', body: 'evil' },
  ];
  const layer = await layers.apply(archiveOf(...parts));
  assert.deepEqual(readdirSync(outside.path), []);
  assert.equal(readFileSync(`${layers.tree(layer.chainId)}${outside.path}/file`, 'utf8'), 'evil');
  assert.equal(readFileSync(`${layers.tree(layer.chainId)}/etc/file`, 'utf8'), 'evil');
  assert.deepEqual(await layers.archive(layer.chainId), archiveOf(...parts));
});

test('writing through a relative link that leads out must be refused', async () => {
  await refuses(archiveOf({ name: 's', type: '2', linkName: '../../../../tmp' }, { name: 's/f', body: 'x' }), 'statat s: path escapes from parent');
  await refuses(archiveOf({ name: 'd/s', type: '2', linkName: '../..' }, { name: 'd/s/f', body: 'x' }), 'statat d/s: path escapes from parent');
});

test('links in a circle must be refused', async () => {
  await refuses(archiveOf({ name: 'a', type: '2', linkName: 'b' }, { name: 'b', type: '2', linkName: 'a' }, { name: 'a/f', body: 'x' }), 'statat a: too many levels of symbolic links');
});

test('writing to a name that is a link must replace the link, not its target', async () => {
  using layers = testStore();
  using outside = temporaryDirectory();
  writeFileSync(`${outside.path}/victim`, 'good');
  const layer = await layers.apply(
    archiveOf({ name: 'victim', body: 'inside' }, { name: 'link', type: '2', linkName: `${outside.path}/victim` }, { name: 'inner', type: '2', linkName: 'victim' }, { name: 'link', body: 'evil' }, { name: 'inner', body: 'evil' }),
  );
  assert.equal(readFileSync(`${outside.path}/victim`, 'utf8'), 'good');
  const tree = layers.tree(layer.chainId);
  assert.equal(readFileSync(`${tree}/victim`, 'utf8'), 'inside');
  for (const name of ['link', 'inner']) assert.ok(lstatSync(`${tree}/${name}`).isFile());
});

test('modes, owners and times must not be set through a link', async () => {
  using layers = testStore();
  using outside = temporaryDirectory();
  writeFileSync(`${outside.path}/victim`, 'good', { mode: 0o600 });
  const before = lstatSync(`${outside.path}/victim`);
  const layer = await layers.apply(
    archiveOf({ name: 'link', type: '2', linkName: `${outside.path}/victim`, mode: 0o4777, uid: 55, gid: 66, mtime: 5 }, { name: 'hard', type: '1', linkName: 'link', mode: 0o4777, uid: 55, gid: 66, mtime: 5 }),
  );
  const after = lstatSync(`${outside.path}/victim`);
  assert.deepEqual([after.mode, after.uid, after.gid, after.mtimeMs], [before.mode, before.uid, before.gid, before.mtimeMs]);
  const link = lstatSync(`${layers.tree(layer.chainId)}/hard`);
  assert.ok(link.isSymbolicLink());
  assert.deepEqual([link.uid, link.gid], [55, 66]);
});

test('hard links to what is outside must be refused', async () => {
  await refuses(archiveOf({ name: 'a', type: '1', linkName: '../../etc/passwd' }), 'invalid hardlink target "../../etc/passwd"');
  await refuses(archiveOf({ name: 'a', type: '1', linkName: '/../etc/passwd' }), 'invalid hardlink target "/../etc/passwd"');
  await refuses(archiveOf({ name: 'a', type: '1', linkName: '/etc/passwd' }), 'linkat etc/passwd a: no such file or directory');
  await refuses(archiveOf({ name: 's', type: '2', linkName: '/etc' }, { name: 'a', type: '1', linkName: 's/passwd' }), 'linkat etc/passwd a: no such file or directory');
});

test('a hard link to a file that only a lower layer has must be refused', async () => {
  using layers = testStore();
  const base = await layers.apply(archiveOf({ name: 'file', body: 'x' }));
  await assert.rejects(layers.apply(archiveOf({ name: 'link', type: '1', linkName: 'file' }), { parent: base.chainId }), { message: 'linkat file link: no such file or directory' });
});

test('hard links to directories must be refused', async () => {
  await refuses(archiveOf({ name: 'd', type: '5' }, { name: 'a', type: '1', linkName: 'd' }), 'linkat d a: operation not permitted');
});

test('device nodes must be made inside the layer, and numbers out of range refused', async () => {
  using layers = testStore();
  using outside = temporaryDirectory();
  const layer = await layers.apply(
    archiveOf({ name: 'out', type: '2', linkName: outside.path }, { name: 'out/null', type: '3', major: 1, minor: 3, mode: 0o666 }, { name: 'disk', type: '4', major: 8, minor: 300, mode: 0o640 }),
  );
  assert.deepEqual(readdirSync(outside.path), []);
  const disk = lstatSync(`${layers.tree(layer.chainId)}/disk`);
  assert.ok(disk.isBlockDevice());
  assert.equal(disk.rdev, (8 << 8) | (300 & 0xff) | ((300 & ~0xff) << 12));
  await refuses(
    archiveOf({ name: 'x', type: '3', before: Buffer.alloc(0) }).fill(0xff, 329, 337).fill(0, 148, 156),
    'archive/tar: invalid tar header',
  );
});

test('whiteouts must not reach out of their directory', async () => {
  for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh...']) await refuses(archiveOf({ name }), `invalid whiteout entry ${JSON.stringify(name)}`);
});

test('an opaque marker must mark the directory in the layer that a link leads to', async () => {
  using layers = testStore();
  using outside = temporaryDirectory();
  const layer = await layers.apply(archiveOf({ name: 'd', type: '2', linkName: outside.path }, { name: 'd/.wh..wh..opq' }));
  assert.deepEqual(attributesOf(outside.path), {});
  assert.deepEqual(attributesOf(`${layers.tree(layer.chainId)}${outside.path}`), { 'trusted.overlay.opaque': '79' });
});

test('headers larger than a MiB must be refused', async () => {
  for (const type of ['x', 'g', 'L', 'K']) {
    await refuses(archiveOf({ name: 'big', type, body: Buffer.alloc(1024 * 1024 + 1, 'a') }), 'archive/tar: header field too long');
  }
});

test('names that the system cannot hold must be refused', async () => {
  await refuses(archiveOf({ name: 'x', before: paxBlocks({ path: 'n'.repeat(256) }) }), `openat ${'n'.repeat(256)}: file name too long`);
  const deep = 'd/'.repeat(2500) + 'f';
  await refuses(archiveOf({ name: 'x', before: paxBlocks({ path: deep }) }), `lstat /${'d/'.repeat(2047)}d: file name too long`);
  const far = 't'.repeat(5000);
  await refuses(archiveOf({ name: 'x', type: '2', before: paxBlocks({ linkpath: far }) }), `symlinkat ${far} x: file name too long`);
  await refuses(archiveOf({ name: 'x', type: '1', before: paxBlocks({ linkpath: far }) }), `linkat ${far} x: file name too long`);
});

test('negative and absurd sizes must be refused', async () => {
  await refuses(archiveOf({ name: 'x', before: paxBlocks({ size: '-1' }) }), 'archive/tar: invalid tar header');
  await refuses(archiveOf({ name: 'x', before: paxBlocks({ size: '9223372036854775807' }) }), 'archive/tar: invalid tar header');
  await refuses(archiveOf({ name: 'x', before: paxBlocks({ size: '9000000000000000' }) }), 'unexpected EOF');
});

test('a truncated archive must be refused wherever it is cut', async () => {
  const archive = archiveOf({ name: 'd', type: '5' }, { name: 'd/f', body: Buffer.alloc(3000, 'x') });
  for (const length of [1, 511, 513, 1023, 1025, 1024 + 2999]) await refuses(archive.subarray(0, length), 'unexpected EOF');
  const compressed = gzipSync(archive);
  for (const length of [10, 20, compressed.length - 4]) await refuses(compressed.subarray(0, length), 'unexpected EOF');
});

test('damaged archives must be refused', async () => {
  const archive = archiveOf({ name: 'f', body: 'x' });
  archive[148] = 0x39;
  await refuses(archive, 'archive/tar: invalid tar header');
  await refuses(Buffer.alloc(2000, 'garbage'), 'archive/tar: invalid tar header');
  const compressed = gzipSync(archiveOf({ name: 'f', body: 'x' }));
  compressed[compressed.length - 5] = (compressed[compressed.length - 5] ?? 0) ^ 1;
  await refuses(compressed, 'gzip: invalid checksum');
});

test('entries of unknown types must be refused as Docker refuses them', async () => {
  for (const [type, code] of [['7', 55], ['V', 86], ['M', 77], ['D', 68]] as const) await refuses(archiveOf({ name: 'x', type }), `unhandled tar header type ${code}`);
});

test('a file in the way of a directory must be named', async () => {
  await refuses(archiveOf({ name: 'f', body: 'x' }, { name: 'f/g', body: 'y' }), 'openat f/g: not a directory');
  await refuses(archiveOf({ name: 'f', body: 'x' }, { name: 'f/g/h', body: 'y' }), 'statat f/g: not a directory');
});

test('an archive larger than allowed must be refused, compressed or full of holes too', async () => {
  using layers = testStore();
  const bomb = gzipSync(archiveOf({ name: 'zeros', body: Buffer.alloc(20_000_000) }));
  assert.ok(bomb.length < 50_000);
  const isTooLarge = { code: 'layer.too_large', message: 'layer archive is larger than 1000000 bytes when uncompressed' };
  await assert.rejects(layers.apply(bomb, { maximumSize: 1_000_000 }), isTooLarge);
  const sparse = Buffer.concat([
    paxBlocks({ 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1', 'GNU.sparse.map': '', 'GNU.sparse.size': '1000000000000' }),
    rawHeader({ name: 'holes' }),
  ]);
  await assert.rejects(layers.apply(sparse, { maximumSize: 1_000_000 }), isTooLarge);
  assert.deepEqual(layers.leftovers(), []);
  assert.equal((await layers.apply(bomb, { maximumSize: 30_000_000 })).size, 20_000_000);
});

test('unpacking must not move the root or working directory of the process', async () => {
  using layers = testStore();
  const marker = mkdtempSync('/var/tmp/dhow-root-');
  try {
    await Promise.all(Array.from({ length: 4 }, (_, index) => layers.apply(archiveOf({ name: `f${index}`, body: 'x' }))));
    assert.equal(readlinkSync('/proc/self/root'), '/');
    const seen = await import('node:fs/promises').then((fs) => fs.stat(marker));
    assert.ok(seen.isDirectory());
  } finally {
    rmSync(marker, { recursive: true });
  }
});

test('a sparse file longer than files can be must be refused, whatever may be stored', async () => {
  const sparse = (size: number): Buffer => {
    const block = rawHeader({ name: 'holes', type: 'S', magic: 'ustar  \0', size: 0 }, (header) => {
      header[483] = 0x80;
      header.writeBigUInt64BE(BigInt(size), 487);
    });
    return Buffer.concat([block, Buffer.alloc(1024)]);
  };
  for (const size of [2 ** 53 - 1, 2 ** 52]) await refuses(sparse(size), /file too large/);
});
