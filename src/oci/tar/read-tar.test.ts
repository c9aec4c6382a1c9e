import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { archiveEnd } from './header-encoder.ts';
import { paxBlocks, rawHeader } from '#test/layers/raw-header.ts';
import { readTar } from './read-tar.ts';
import { writeTar, type TarMember } from './write-tar.ts';

const members: TarMember[] = [
  { header: { name: 'dir/', type: 'directory', mode: 0o700 } },
  { header: { name: 'dir/empty', type: 'file' } },
  { header: { name: 'dir/small', type: 'file', modified: { seconds: 5, nanoseconds: 7 }, extendedAttributes: new Map([['user.a', Buffer.from([0, 1, 0xff])]]) }, body: Buffer.from('contents') },
  { header: { name: 'dir/exact', type: 'file' }, body: Buffer.alloc(1024, 'x') },
  { header: { name: 'dir/large', type: 'file', size: 300_000 }, body: Readable.from([Buffer.alloc(100_000, 1), Buffer.alloc(200_000, 2)]) },
  { header: { name: 'link', type: 'symlink', linkName: 'dir/small' } },
];

/** The bytes in pieces of this size. */
function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let position = 0; position < bytes.length; position += size) yield bytes.subarray(position, position + size);
}

const archive = await buffer(Readable.from(writeTar(members), { objectMode: false }));

for (const size of [13, 511, 512, 65536, archive.length]) {
  test(`an archive must be read as it was written, in pieces of ${size} bytes`, async () => {
    const seen: string[] = [];
    for await (const { entry, body } of readTar(Readable.from(pieces(archive, size)))) {
      const contents = await buffer(body);
      assert.equal(contents.length, entry.size);
      seen.push(`${entry.type} ${entry.name} ${entry.mode.toString(8)} ${entry.size}`);
      if (entry.name === 'dir/small') {
        assert.equal(contents.toString(), 'contents');
        assert.deepEqual(entry.modified, { seconds: 5, nanoseconds: 7 });
        assert.deepEqual(entry.extendedAttributes.get('user.a'), Buffer.from([0, 1, 0xff]));
      }
      if (entry.name === 'dir/large') assert.deepEqual([contents[0], contents[99_999], contents[100_000], contents[299_999]], [1, 1, 2, 2]);
      if (entry.type === 'symlink') assert.equal(entry.linkName, 'dir/small');
    }
    assert.deepEqual(seen, ['directory dir/ 700 0', 'file dir/empty 644 0', 'file dir/small 644 8', 'file dir/exact 644 1024', 'file dir/large 644 300000', 'symlink link 644 0']);
  });
}

test('contents that nobody reads, or not to the end, must be passed over', async () => {
  const names: string[] = [];
  for await (const { entry, body } of readTar(Readable.from(pieces(archive, 1000)))) {
    names.push(entry.name);
    if (entry.name === 'dir/large') {
      await new Promise((resolve) => body.once('data', resolve));
      body.pause();
    }
  }
  assert.deepEqual(names, members.map(({ header }) => header.name));
});

test('leaving the loop must end the source', async () => {
  const source = Readable.from(pieces(archive, 100));
  for await (const { entry } of readTar(source)) if (entry.name === 'dir/small') break;
  assert.equal(source.destroyed, true);
});

test('an archive cut inside contents must fail with unexpected EOF, whether they are read or not', async () => {
  const isCut = (error: unknown): boolean => isFailure(error, 'layer.invalid_archive') && error.message === 'unexpected EOF';
  const cut = archive.subarray(0, archive.length - 200_000);
  await assert.rejects(async () => {
    for await (const { body } of readTar(Readable.from(pieces(cut, 4096)))) await buffer(body);
  }, isCut);
  await assert.rejects(async () => {
    for await (const { entry } of readTar(Readable.from(pieces(cut, 4096)))) assert.notEqual(entry.name, 'link');
  }, isCut);
});

test('a failing source must fail the reader with its own error', async () => {
  const broken = new Error('the connection broke');
  const source = async function* (): AsyncGenerator<Buffer> {
    yield archive.subarray(0, 5000);
    throw broken;
  };
  await assert.rejects(async () => {
    for await (const { body } of readTar(source())) await buffer(body);
  }, (error) => error === broken);
});

test('sparse files must come with their holes filled', async () => {
  const mapBlock = Buffer.alloc(512);
  mapBlock.write('2\n4\n2\n2000\n3\n');
  const sparse = Buffer.concat([
    paxBlocks({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'holes', 'GNU.sparse.realsize': '3000' }),
    rawHeader({ name: 'GNUSparseFile/holes', size: 512 + 5 }),
    mapBlock,
    Buffer.from('abcde'),
    Buffer.alloc(507),
    rawHeader({ name: 'next', size: 1 }),
    Buffer.from('z'),
    Buffer.alloc(511),
    archiveEnd,
  ]);
  const found = new Map<string, Buffer>();
  for await (const { entry, body } of readTar(Readable.from(pieces(sparse, 700)))) found.set(entry.name, await buffer(body));
  const expected = Buffer.alloc(3000);
  expected.write('ab', 4);
  expected.write('cde', 2000);
  assert.deepEqual(found.get('holes'), expected);
  assert.equal(found.get('next')?.toString(), 'z');
});

test('a body that is not as long as its header says must fail the writer', async () => {
  const write = async (body: Buffer): Promise<void> => {
    for await (const _ of writeTar([{ header: { name: 'f', type: 'file', size: 3 }, body: Readable.from([body]) }]));
  };
  await assert.rejects(write(Buffer.from('ab')), /are 2 bytes/);
  await assert.rejects(write(Buffer.from('abcd')), /are 4 bytes/);
});
