/** Archives of every format must come out of the store byte for byte, and their trees must be what was packed. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { setAttribute } from '#kernel/extended-attributes.ts';
import { describeTree, makeTree, run, temporaryDirectory, testStore } from './fixtures.ts';

const formats = [
  { name: 'Unix V7', options: ['--format=v7'], longNames: false },
  { name: 'old GNU', options: ['--format=oldgnu'], longNames: true },
  { name: 'GNU', options: ['--format=gnu'], longNames: true },
  { name: 'GNU with sparse files', options: ['--format=gnu', '--sparse'], longNames: true },
  { name: 'ustar', options: ['--format=ustar'], longNames: false },
  { name: 'pax', options: ['--format=posix'], longNames: true },
  { name: 'pax with global headers', options: ['--format=posix', '--pax-option=globexthdr.name=g,comment=hello,mtime=1'], longNames: true },
  { name: 'pax with sparse files 0.0', options: ['--format=posix', '--sparse', '--sparse-version=0.0'], longNames: true },
  { name: 'pax with sparse files 0.1', options: ['--format=posix', '--sparse', '--sparse-version=0.1'], longNames: true },
  { name: 'pax with sparse files 1.0', options: ['--format=posix', '--sparse', '--sparse-version=1.0'], longNames: true },
  { name: 'pax in blocks of 512 bytes', options: ['--format=posix', '--blocking-factor=1'], longNames: true },
] as const;

for (const { name, options, longNames } of formats) {
  test(`an archive of GNU tar in format ${name} must be unpacked truly and given back byte for byte`, async () => {
    using source = temporaryDirectory();
    using layers = testStore();
    makeTree(source.path, { longNames, bytes: true });
    // V7 has no devices.
    const excluded = name === 'Unix V7' ? ['--exclude=./fifo', '--exclude=./character', '--exclude=./device'] : [];
    const archive = run('tar', [...options, ...excluded, '--numeric-owner', '-C', source.path, '-cf', '-', '.']);
    const layer = await layers.apply(archive);
    assert.equal(layer.diffId, `sha256:${createHash('sha256').update(archive).digest('hex')}`);
    assert.deepEqual(await layers.archive(layer.chainId), archive);
    assert.equal(layers.store.tarLength(layer.chainId), archive.length);
    const expected = describeTree(source.path, { nanoseconds: name.startsWith('pax') && !name.includes('global') });
    if (excluded.length > 0) for (const node of ['fifo', 'character', 'device']) delete expected[node];
    const actual = describeTree(layers.tree(layer.chainId), { nanoseconds: name.startsWith('pax') && !name.includes('global') });
    assert.deepEqual(withoutGlobalTimes(actual, name), withoutGlobalTimes(expected, name));
  });
}

/** With a global time GNU tar leaves times out of the other headers. */
function withoutGlobalTimes(tree: Record<string, unknown>, name: string): Record<string, unknown> {
  if (!name.includes('global')) return tree;
  return Object.fromEntries(Object.entries(tree).map(([path, node]) => [path, { ...(node as object), modified: '' }]));
}

test('extended attributes must be kept, capabilities of programs and binary values too', async () => {
  using source = temporaryDirectory();
  using layers = testStore();
  makeTree(source.path, { longNames: false, bytes: false });
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  setAttribute(`${source.path}/setuid`, 'security.capability', capability);
  setAttribute(`${source.path}/small`, 'user.binary', Buffer.from([0, 10, 61, 255]));
  setAttribute(`${source.path}/dir`, 'trusted.note', Buffer.from('x'.repeat(700)));
  const archive = run('tar', ['--format=posix', '--xattrs', '--xattrs-include=*', '-C', source.path, '-cf', '-', '.']);
  const layer = await layers.apply(archive);
  assert.deepEqual(describeTree(layers.tree(layer.chainId), { attributes: true }), describeTree(source.path, { attributes: true }));
  assert.deepEqual(await layers.archive(layer.chainId), archive);
});

for (const program of ['gzip', 'zstd', 'bzip2', 'xz'] as const) {
  test(`an archive compressed by ${program} must be the same layer as the plain one`, async () => {
    using source = temporaryDirectory();
    using layers = testStore();
    makeTree(source.path, { longNames: true, bytes: false });
    const archive = run('tar', ['-C', source.path, '-cf', '-', '.']);
    const half = Math.floor(archive.length / 2);
    // Such files may be joined, and are by parallel compressors.
    const parts = [archive.subarray(0, half), archive.subarray(half)].map((part) => run(program, ['-c'], { input: part }));
    const compressed = Buffer.concat(parts);
    const progress: number[] = [];
    const layer = await layers.apply(compressed, { onProgress: (bytes) => progress.push(bytes) });
    assert.equal(layer.diffId, `sha256:${createHash('sha256').update(archive).digest('hex')}`);
    assert.equal(layer.archiveDigest, `sha256:${createHash('sha256').update(compressed).digest('hex')}`);
    assert.equal(layer.archiveSize, compressed.length);
    assert.equal(progress.at(-1), compressed.length);
    assert.deepEqual(await layers.archive(layer.chainId), archive);
  });
}

test('what stands behind the end of an archive must be kept', async () => {
  using source = temporaryDirectory();
  using layers = testStore();
  mkdirSync(`${source.path}/d`);
  const archive = Buffer.concat([run('tar', ['-C', source.path, '-cf', '-', '.']), Buffer.from('garbage'.repeat(100_000))]);
  const layer = await layers.apply(archive);
  assert.deepEqual(await layers.archive(layer.chainId), archive);
});

test('an empty archive must be a layer', async () => {
  using layers = testStore();
  const layer = await layers.apply(Buffer.alloc(0));
  assert.equal(layer.diffId, 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.deepEqual(await layers.archive(layer.chainId), Buffer.alloc(0));
});
