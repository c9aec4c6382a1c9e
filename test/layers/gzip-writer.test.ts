import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import test from 'node:test';
import type { BlockingRingWriter } from '#image/layer/byte-ring.ts';
import { GzipWriter } from '#image/layer/gzip-writer.ts';
import { newPackProgressMemory, PackProgress } from '#image/layer/pack-progress.ts';

/** A ring that is never full. */
function endless(): { ring: BlockingRingWriter; bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  let space = Buffer.alloc(7001);
  const ring = {
    space: () => space,
    put: (length: number) => {
      chunks.push(space.subarray(0, length));
      space = Buffer.alloc(7001);
    },
    end: () => undefined,
  };
  // Only what a writer uses.
  return { ring: ring as unknown as BlockingRingWriter, bytes: () => Buffer.concat(chunks) };
}

function compress(contents: Buffer, piece: number): { bytes: Buffer; digest: string; size: number; consumed: number } {
  const { ring, bytes } = endless();
  const progress = new PackProgress(newPackProgressMemory());
  const gzip = new GzipWriter(ring, progress);
  for (let position = 0; position < contents.length; ) {
    const space = gzip.space();
    const length = contents.copy(space, 0, position, Math.min(contents.length, position + Math.min(piece, space.length)));
    gzip.put(length);
    position += length;
  }
  gzip.end();
  return { ...gzip.result(), bytes: bytes(), consumed: progress.consumed };
}

function mixed(size: number): Buffer {
  const noise = Buffer.alloc(size);
  let state = 1;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    // Every other half megabyte is text.
    noise[index] = (index >> 19) % 2 === 0 ? 97 + (index % 7) : state >>> 16;
  }
  return noise;
}

test('what is compressed must come out again, with its digest and length told', () => {
  for (const size of [0, 1, 65_535, 65_536, 524_288, 524_289, 3_000_001]) {
    const contents = mixed(size);
    const { bytes, digest, size: told, consumed } = compress(contents, 10_000);
    assert.ok(gunzipSync(bytes).equals(contents), `${size} bytes`);
    assert.equal(digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    assert.equal(told, bytes.length);
    assert.equal(consumed, size);
  }
});

test('the same contents must give the same bytes in whatever pieces they come', () => {
  const contents = mixed(1_500_000);
  assert.ok(compress(contents, 999).bytes.equals(compress(contents, 1_000_000).bytes));
});

test('what does not shrink must be stored, and what does must be compressed', () => {
  assert.ok(compress(mixed(524_288), 524_288).bytes.length < 10_000);
  const noise = mixed(1_048_576).subarray(524_288);
  const { length } = compress(noise, 524_288).bytes;
  assert.ok(length > noise.length && length < noise.length + 200, `${length} bytes`);
});
