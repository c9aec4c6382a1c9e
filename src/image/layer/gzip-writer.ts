/**
 * Compresses what is written to it into a ring, as gzip (RFC 1952): the same bytes for the same contents, whatever
 * pieces they come in. The contents are cut into chunks that are compressed by themselves; one that would not become
 * smaller is stored. Blocking.
 */
import { createHash } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import type { BlockingRingWriter } from './byte-ring.ts';
import { ChunkSink } from './chunk-sink.ts';
import { gzipTrailer } from './gzip-trailer.ts';
import type { PackProgress } from './pack-progress.ts';

const chunkSize = 512 * 1024;
/** The highest makes layers of programs a fourteenth smaller, in two and a half times the time. */
const level = 1;
const sampleSize = 16 * 1024;
/** Of a sample's size: what does not get below is stored. */
const worthwhile = 0.97;
const largestStored = 0xffff;
/** No time, no name, and no system. */
const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** An empty block, which is the last. */
const lastBlock = Buffer.from([0x03, 0x00]);

export class GzipWriter extends ChunkSink {
  readonly #ring: BlockingRingWriter;
  readonly #hash = createHash('sha256');
  #size = 0;

  constructor(ring: BlockingRingWriter, progress: PackProgress) {
    super(chunkSize, progress);
    this.#ring = ring;
    this.#give(head);
  }

  override end(): void {
    super.end();
    this.#give(lastBlock);
    this.#give(gzipTrailer(this.check, this.consumed));
    this.#ring.end();
  }

  /** After the end. */
  result(): { digest: string; size: number } {
    return { digest: `sha256:${this.#hash.digest('hex')}`, size: this.#size };
  }

  protected override take(contents: Buffer): void {
    if (shrinks(contents)) this.#give(deflateRawSync(contents, { level, finishFlush: constants.Z_SYNC_FLUSH }));
    else this.#store(contents);
  }

  #store(contents: Buffer): void {
    for (let position = 0; position < contents.length; position += largestStored) {
      const block = contents.subarray(position, position + largestStored);
      const header = Buffer.alloc(5);
      header.writeUInt16LE(block.length, 1);
      header.writeUInt16LE(block.length ^ 0xffff, 3);
      this.#give(header);
      this.#give(block);
    }
  }

  #give(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    for (let position = 0; position < bytes.length; ) {
      const space = this.#ring.space();
      const length = bytes.copy(space, 0, position);
      this.#ring.put(length);
      position += length;
    }
  }
}

/** Judged by two places of the chunk. */
function shrinks(contents: Buffer): boolean {
  const middle = contents.length >> 1;
  return [contents.subarray(0, sampleSize), contents.subarray(middle, middle + sampleSize)].some(
    (sample) => deflateRawSync(sample, { level: 1 }).length < sample.length * worthwhile,
  );
}
