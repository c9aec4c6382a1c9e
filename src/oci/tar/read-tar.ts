/**
 * Reads tar archives as a stream, touching no disk: entries one after the other, each with its contents
 * as a stream. Contents not read are passed over. Sparse files come with their holes filled.
 */
import { Readable } from 'node:stream';
import { decodeHeader, paddingOf, type DecodedHeader } from './header-decoder.ts';
import { entryOf, type TarEntry } from './tar-entry.ts';
import { unexpectedEnd } from './tar-errors.ts';

export interface TarFile {
  readonly entry: TarEntry;
  /** The contents; valid until the next entry is asked for. */
  readonly body: Readable;
  /** The contents instead of by `body`, as they lie in the source's chunks: each piece is valid until the next is asked for. */
  pieces(): AsyncIterable<Buffer>;
}

export interface ReadTarOptions {
  /** Is given each chunk of the source that is used up. Contents must be read by `pieces` then, as `body` reads ahead. */
  readonly onUsed?: ((chunk: Uint8Array) => void) | undefined;
}

/** @throws layer.invalid_archive with the words of Docker's reader */
export async function* readTar(source: AsyncIterable<Uint8Array>, { onUsed }: ReadTarOptions = {}): AsyncGenerator<TarFile, void> {
  const bytes = new ByteSource(source, onUsed);
  try {
    for (;;) {
      const demand = decodeHeader();
      let step = demand.next(emptyBuffer);
      while (step.done !== true) step = demand.next(await bytes.take(step.value));
      const header = step.value;
      if (header === undefined) return;
      const body = new EntryBody(bytes, header);
      yield { entry: entryOf(header), body, pieces: () => body.pieces() };
      await body.pass();
      await bytes.take(paddingOf(bytes.bodySize));
    }
  } finally {
    await bytes.close();
  }
}

const emptyBuffer = Buffer.alloc(0);
const holeSize = 64 * 1024;

class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #onUsed: ((chunk: Uint8Array) => void) | undefined;
  /** As it came, and what is left of it. */
  #whole: Uint8Array | undefined;
  #chunk: Buffer = emptyBuffer;
  #ended = false;
  /** Stored size of the present entry. */
  bodySize = 0;

  constructor(source: AsyncIterable<Uint8Array>, onUsed: ((chunk: Uint8Array) => void) | undefined) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#onUsed = onUsed;
  }

  /** `size` bytes, or fewer at the end. */
  async take(size: number): Promise<Buffer> {
    if (this.#chunk.length >= size) return this.#split(size);
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) break;
      missing -= part.length;
      // What is missing comes with another chunk, when this one is used up.
      parts.push(missing > 0 ? Buffer.from(part) : part);
    }
    return parts.length === 1 ? (parts[0] ?? emptyBuffer) : Buffer.concat(parts);
  }

  /** At least one byte and at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#chunk.length === 0) {
      if (this.#ended) return undefined;
      if (this.#whole !== undefined) this.#onUsed?.(this.#whole);
      this.#whole = undefined;
      const step = await this.#iterator.next();
      if (step.done === true) {
        this.#ended = true;
        return undefined;
      }
      const { value } = step;
      this.#whole = value;
      this.#chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    return this.#split(Math.min(limit, this.#chunk.length));
  }

  /** Ends the source when it is not at its end. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.();
  }

  #split(size: number): Buffer {
    const part = this.#chunk.subarray(0, size);
    this.#chunk = this.#chunk.subarray(size);
    return part;
  }
}

class EntryBody extends Readable {
  readonly #bytes: ByteSource;
  readonly #parts: Iterator<Part>;
  #part: Part | undefined;
  #pending: Promise<void> = Promise.resolve();

  constructor(bytes: ByteSource, header: DecodedHeader) {
    super();
    this.#bytes = bytes;
    bytes.bodySize = header.storedSize;
    this.#parts = partsOf(header);
    this.#advance();
  }

  override _read(): void {
    this.#pending = this.#next().then(
      (chunk) => void this.push(chunk ?? null),
      (error: unknown) => void this.destroy(error as Error),
    );
  }

  async *pieces(): AsyncGenerator<Buffer, void> {
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
  }

  /** Reads to the end what nobody read. */
  async pass(): Promise<void> {
    await this.#pending;
    if (this.#part === undefined) return;
    this.destroy();
    while (this.#part !== undefined) {
      if (this.#part.stored) await this.#take();
      else this.#advance();
    }
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#part === undefined) return undefined;
    if (this.#part.stored) return await this.#take();
    const zeros = Buffer.alloc(Math.min(holeSize, this.#part.left));
    this.#consume(zeros.length);
    return zeros;
  }

  async #take(): Promise<Buffer> {
    const chunk = await this.#bytes.some(this.#part?.left ?? 0);
    if (chunk === undefined) {
      this.#part = undefined;
      throw unexpectedEnd();
    }
    this.#consume(chunk.length);
    return chunk;
  }

  #consume(length: number): void {
    if (this.#part === undefined) return;
    this.#part.left -= length;
    if (this.#part.left === 0) this.#advance();
  }

  #advance(): void {
    const step = this.#parts.next();
    this.#part = step.done === true ? undefined : step.value;
  }
}

/** A stretch of contents: stored bytes or a hole. */
interface Part {
  readonly stored: boolean;
  left: number;
}

function* partsOf(header: DecodedHeader): Generator<Part> {
  let position = 0;
  const segments = header.sparse ?? [{ offset: 0, length: header.storedSize }];
  for (const { offset, length } of segments) {
    if (offset > position) yield { stored: false, left: offset - position };
    if (length > 0) yield { stored: true, left: length };
    position = offset + length;
  }
  if (header.sparse !== undefined && header.size > position) yield { stored: false, left: header.size - position };
}
