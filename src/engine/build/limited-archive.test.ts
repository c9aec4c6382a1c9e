import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { SourceTree } from '#build/source-tree.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { LimitedArchive, limitedContext, type ArchiveLimits } from './limited-archive.ts';

const never = new AbortController().signal;
const mebibyte = 1024 * 1024;
const limits: ArchiveLimits = { plenty: mebibyte, ratio: 200, watched: { size: 1024 * mebibyte, ratio: 20 }, members: 100 };

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-archive-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function packed(members: readonly TarMember[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeTar(members)));
}

function zeros(size: number): TarMember {
  return { header: { name: 'zeros', type: 'file', mode: 0o644 }, body: Buffer.alloc(size) };
}

interface Outcome {
  /** Bytes that were taken before it was given up. */
  readonly taken: number;
  readonly error: unknown;
}

async function read(archive: LimitedArchive, directory: string): Promise<Outcome> {
  let taken = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of archive) {
      taken += chunk.length;
      yield chunk;
    }
  };
  try {
    const tree = await SourceTree.read(counted(), join(directory, 'spool'), archive);
    await tree[Symbol.asyncDispose]();
    return { taken, error: undefined };
  } catch (error) {
    return { taken, error };
  } finally {
    rmSync(join(directory, 'spool'));
  }
}

test('an archive that inflates past all measure must be given up early, whatever it is compressed by', async (t) => {
  const directory = directoryOf(t);
  const bomb = await packed([zeros(64 * mebibyte)]);
  for (const compressed of [gzipSync(bomb), zstdCompressSync(bomb)]) {
    const { taken, error } = await read(limitedContext(Readable.from([compressed]), { directory, signal: never, limits }), directory);
    assert.ok(error instanceof Error && 'code' in error && error.code === 'build.archive_refused', String(error));
    assert.match(error.message, /^unpacking the context was stopped, and what came of it was removed: it becomes more than 200 times as large as it is: \d+ bytes so far, of \d+; where that is meant, give the build a directory, or an archive that is not compressed$/);
    assert.ok(taken <= 14 * mebibyte + 512 * 1024, `${taken} bytes were taken`);
  }
});

test('what inflates well but not without measure, what is small, and what is not compressed must be read to its end', async (t) => {
  const directory = directoryOf(t);
  const noise = Buffer.alloc(64 * 1024, Buffer.from(Array.from({ length: 997 }, (_value, index) => (index * index * 31) % 251)));
  const random = Buffer.concat(Array.from({ length: 160 }, (_value, index) => Buffer.concat([Buffer.from(String(index * 7919)), noise])));
  const sensible = await packed([{ header: { name: 'text', type: 'file', mode: 0o644 }, body: random }]);
  const ratio = sensible.length / gzipSync(sensible).length;
  assert.ok(ratio > 20 && ratio < 200, `it is compressed ${ratio} times`);
  for (const archive of [gzipSync(sensible), gzipSync(await packed([zeros(mebibyte - 8192)])), await packed([zeros(32 * mebibyte)])]) {
    const { error } = await read(limitedContext(Readable.from([archive]), { directory, signal: never, limits }), directory);
    assert.equal(error, undefined);
  }
});

test('the holes of a sparse file must count as what they become', async (t) => {
  const directory = directoryOf(t);
  // One byte at the end of a gibibyte (GNU.sparse 1.0).
  const size = 1024 * mebibyte;
  const map = Buffer.alloc(512);
  map.write(`1\n${size - 1}\n1\n`);
  const record = (name: string, value: string): string => {
    const rest = ` ${name}=${value}\n`;
    const length = rest.length + String(rest.length + 2).length;
    return `${length}${rest}`;
  };
  const records = Buffer.from(record('GNU.sparse.major', '1') + record('GNU.sparse.minor', '0') + record('GNU.sparse.name', 'holes') + record('GNU.sparse.realsize', String(size)));
  const extended = await packed([{ header: { name: 'extended', type: 'file', mode: 0o644 }, body: records }]);
  // The header of an extended one, with its checksum.
  extended[156] = 'x'.charCodeAt(0);
  extended.write(`${(Number.parseInt(extended.toString('latin1', 148, 154), 8) + 'x'.charCodeAt(0) - '0'.charCodeAt(0)).toString(8).padStart(6, '0')}`, 148);
  const archive = Buffer.concat([extended.subarray(0, 1024), await packed([{ header: { name: 'holes', type: 'file', mode: 0o644 }, body: Buffer.concat([map, Buffer.from('x')]) }])]);
  const { error } = await read(limitedContext(Readable.from([archive]), { directory, signal: never, limits }), directory);
  assert.match(String(error), /it becomes more than 200 times as large as it is/);
});

test('more members than memory is for must be refused, also those that only stand in paths', async (t) => {
  const directory = directoryOf(t);
  const many = Array.from({ length: 101 }, (_value, index): TarMember => ({ header: { name: `f${index}`, type: 'file', mode: 0o644 } }));
  for (const members of [many, [{ header: { name: `${'d/'.repeat(100)}f`, type: 'file' as const, mode: 0o644 } }]]) {
    const { error } = await read(limitedContext(Readable.from([await packed(members)]), { directory, signal: never, limits }), directory);
    assert.match(String(error), /it has more than 100 members/);
  }
  const { error } = await read(limitedContext(Readable.from([await packed(many.slice(0, 100))]), { directory, signal: never, limits }), directory);
  assert.equal(error, undefined);
});
