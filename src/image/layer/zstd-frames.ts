/**
 * Cuts a zstd stream at the ends of its frames (RFC 8878, 3.1), without decoding it, and drops frames to
 * be skipped. Node's decoder goes on to the next frame only when a chunk begins with it, and else ends
 * without an error; parallel compressors write many frames.
 */

/** A part of the stream by its form; sizes are in bytes. */
type Step = 'magic' | 'skippable-size' | 'descriptor' | 'header' | 'block' | 'contents' | 'checksum' | 'skipped';

export async function* splitZstdFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const cutter = new FrameCutter();
  for await (const chunk of source) yield* cutter.cut(chunk);
}

export class FrameCutter {
  #step: Step = 'magic';
  /** Bytes left of the part. */
  #left = 4;
  /** The part's bytes as a little-endian number, of parts of up to four bytes. */
  #value = 0;
  #width = 0;
  #hasChecksum = false;
  #isLast = false;
  /** Whether the bytes at hand are of a frame to be skipped. */
  #skipping = false;
  /** A magic number's bytes are held back until it is known which. */
  #held: Buffer[] = [];

  *cut(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    let position = 0;
    while (position < chunk.length) {
      const length = Math.min(this.#left, chunk.length - position);
      if (this.#isNumber()) for (let index = 0; index < length; index++) this.#add(chunk[position + index] ?? 0);
      position += length;
      this.#left -= length;
      if (this.#left > 0) break;
      const ended = this.#advance();
      if (ended === undefined) continue;
      yield* this.#give(chunk.subarray(start, position), ended === 'skipped');
      start = position;
    }
    const rest = chunk.subarray(start);
    if (rest.length === 0) return;
    // A frame of unknown kind waits for the rest of its magic number.
    if (this.#step === 'magic') this.#held.push(Buffer.from(rest));
    else yield* this.#give(rest, this.#skipping);
  }

  *#give(bytes: Buffer, drop: boolean): Generator<Buffer> {
    const held = this.#held;
    this.#held = [];
    if (drop) return;
    yield* held;
    if (bytes.length > 0) yield bytes;
  }

  #isNumber(): boolean {
    return this.#step !== 'header' && this.#step !== 'contents' && this.#step !== 'checksum' && this.#step !== 'skipped';
  }

  #add(byte: number): void {
    this.#value += byte * 2 ** (8 * this.#width);
    this.#width++;
  }

  #expect(step: Step, length: number): void {
    this.#step = step;
    this.#left = length;
    this.#value = 0;
    this.#width = 0;
  }

  /** Goes on to the next part. At the end of a frame tells its kind. */
  #advance(): 'decoded' | 'skipped' | undefined {
    const value = this.#value;
    switch (this.#step) {
      case 'magic':
        this.#skipping = Math.floor(value / 16) === 0x184d2a5;
        if (this.#skipping) this.#expect('skippable-size', 4);
        else this.#expect('descriptor', 1);
        return undefined;
      case 'skippable-size':
        if (value === 0) return this.#end('skipped');
        this.#expect('skipped', value);
        return undefined;
      case 'descriptor':
        this.#hasChecksum = (value & 4) !== 0;
        this.#expect('header', headerLength(value));
        return undefined;
      case 'header':
        this.#expect('block', 3);
        return undefined;
      case 'block':
        this.#isLast = (value & 1) !== 0;
        // A block of one repeated byte holds that byte alone.
        return this.#afterBlockHeader(((value >> 1) & 3) === 1 ? 1 : value >> 3);
      case 'contents':
        return this.#afterBlock();
      case 'checksum':
        return this.#end('decoded');
      case 'skipped':
        return this.#end('skipped');
    }
  }

  #afterBlockHeader(length: number): 'decoded' | undefined {
    if (length === 0) return this.#afterBlock();
    this.#expect('contents', length);
    return undefined;
  }

  #afterBlock(): 'decoded' | undefined {
    if (!this.#isLast) {
      this.#expect('block', 3);
      return undefined;
    }
    if (!this.#hasChecksum) return this.#end('decoded');
    this.#expect('checksum', 4);
    return undefined;
  }

  #end<T>(kind: T): T {
    this.#skipping = false;
    this.#expect('magic', 4);
    return kind;
  }
}

/** Length of the rest of a frame's header, by its first byte: window, dictionary id and content size. At least one. */
function headerLength(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentSize = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 2 ** sizeFlag;
  return (singleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + contentSize;
}
