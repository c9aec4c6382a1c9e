import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { constants, createZstdDecompress, zstdCompressSync } from 'node:zlib';
import { splitZstdFrames } from './zstd-frames.ts';

function skippable(length: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a53);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, randomBytes(length)]);
}

const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
const unsized = { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } };

/** A stream with frames of all kinds, and what it holds. */
function streamOf(contents: readonly Buffer[]): { stream: Buffer; expected: Buffer } {
  const stream = Buffer.concat([
    skippable(10),
    ...contents.map((part) => zstdCompressSync(part)),
    skippable(0),
    ...contents.map((part) => zstdCompressSync(part, checksum)),
    skippable(1000),
    ...contents.map((part) => zstdCompressSync(part, unsized)),
  ]);
  return { stream, expected: Buffer.concat([...contents, ...contents, ...contents]) };
}

function* pieces(stream: Buffer, size: number): Generator<Buffer> {
  for (let position = 0; position < stream.length; position += size) yield stream.subarray(position, position + size);
}

const small = [Buffer.alloc(0), Buffer.from('short'), Buffer.alloc(5000, 'r'), randomBytes(300)];
const large = [...small, Buffer.alloc(700_000, 'r'), randomBytes(400_000), Buffer.concat([randomBytes(70_000), Buffer.alloc(300_000)])];

for (const [size, contents] of [[1, small], [3, small], [1000, large], [65_536, large], [10_000_000, large]] as const) {
  test(`every frame must be decoded and those to be skipped dropped, in pieces of ${size} bytes`, async () => {
    const { stream, expected } = streamOf(contents);
    const decoded = await buffer(Readable.from(splitZstdFrames(Readable.from(pieces(stream, size)))).pipe(createZstdDecompress()));
    assert.ok(decoded.equals(expected));
  });
}
