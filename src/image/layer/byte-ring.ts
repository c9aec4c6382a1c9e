/**
 * A bounded stream of bytes between the main thread, which never blocks, and a worker, which only
 * blocks: a ring in shared memory with one writer and one reader. Counters run on modulo 2^32.
 */
import { StreamLitter } from '#base/stream-litter.ts';

const capacity = 4 * 1024 * 1024;
/** Room must grow by this much before the other side is woken, lest the threads wake each other for every few bytes. */
const wakeStep = 1024 * 1024;

const written = 0;
const taken = 1;
/** Counts everything the writer does; the reader sleeps on it. */
const writerActs = 2;
/** Counts everything the reader does; the writer sleeps on it. */
const readerActs = 3;
const state = 4;

const open = 0;
/** The writer has written all. */
const ended = 1;
/** One side gave up; the other is to stop. */
const broken = 2;

/** What the threads share. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

export function newRingMemory(): RingMemory {
  return { control: new SharedArrayBuffer(32), data: new SharedArrayBuffer(capacity) };
}

class Ring {
  protected readonly control: Int32Array<SharedArrayBuffer>;
  protected readonly data: Buffer<SharedArrayBuffer>;

  constructor(memory: RingMemory) {
    this.control = new Int32Array(memory.control);
    this.data = Buffer.from(memory.data);
  }

  /** Tells the other side to stop. */
  break(): void {
    Atomics.store(this.control, state, broken);
    this.act(writerActs);
    this.act(readerActs);
  }

  get isBroken(): boolean {
    return Atomics.load(this.control, state) === broken;
  }

  protected filled(): number {
    return (Atomics.load(this.control, written) - Atomics.load(this.control, taken)) >>> 0;
  }

  /** Place in the ring that a counter stands at. */
  protected place(counter: number): number {
    return Atomics.load(this.control, counter) & (capacity - 1);
  }

  protected advance(counter: number, length: number): void {
    Atomics.add(this.control, counter, length);
  }

  protected act(counter: number): void {
    Atomics.add(this.control, counter, 1);
    Atomics.notify(this.control, counter);
  }

  protected finish(): void {
    Atomics.compareExchange(this.control, state, open, ended);
    this.act(writerActs);
  }

  protected get isEnded(): boolean {
    return Atomics.load(this.control, state) === ended;
  }

  protected seen(counter: number): number {
    return Atomics.load(this.control, counter);
  }
}

/** The main thread's end of a ring that a worker reads. */
/** Milliseconds that bytes may lie in the ring before the worker is told of them. */
const longestUntold = 2;

export class AsyncRingWriter extends Ring {
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Resolves when all is in the ring; false when the reader gave up. */
  async write(chunk: Uint8Array): Promise<boolean> {
    let position = 0;
    while (position < chunk.length) {
      const seen = this.seen(readerActs);
      if (this.isBroken) return false;
      const room = capacity - this.filled();
      if (room === 0) {
        this.#tell();
        await Atomics.waitAsync(this.control, readerActs, seen).value;
        continue;
      }
      const start = this.place(written);
      const length = Math.min(room, capacity - start, chunk.length - position);
      this.data.set(chunk.subarray(position, position + length), start);
      this.advance(written, length);
      position += length;
      this.#untold += length;
      if (this.#untold >= wakeStep) this.#tell();
      else this.#timer ??= setTimeout(() => this.#tell(), longestUntold);
    }
    return !this.isBroken;
  }

  end(): void {
    this.#quieten();
    this.finish();
  }

  override break(): void {
    this.#quieten();
    super.break();
  }

  /** Wakes the worker. Were it woken for every chunk, the threads would wait for each other's turns all the time. */
  #tell(): void {
    this.#quieten();
    this.act(writerActs);
  }

  #quieten(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#untold = 0;
  }
}

/** The worker's end of a ring that the main thread writes. */
export class BlockingRingReader extends Ring {
  #unannounced = 0;

  /** Bytes that can be taken, waiting for at least one; zero at the end. @throws when the writer gave up */
  wait(): number {
    for (;;) {
      const seen = this.seen(writerActs);
      // Before looking for bytes, as the writer may write and end in between.
      const isEnded = this.isEnded;
      const filled = this.filled();
      if (this.isBroken) throw new BrokenRing();
      if (filled > 0) return filled;
      if (isEnded) return 0;
      this.#announce();
      Atomics.wait(this.control, writerActs, seen);
    }
  }

  /** The bytes at `offset` of those that can be taken, as far as they lie together. Valid until taken. */
  view(offset: number, length: number): Buffer<SharedArrayBuffer> {
    const start = (this.place(taken) + offset) & (capacity - 1);
    return this.data.subarray(start, Math.min(start + length, capacity));
  }

  take(length: number): void {
    this.advance(taken, length);
    this.#unannounced += length;
    if (this.#unannounced >= wakeStep) this.#announce();
  }

  #announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    this.act(readerActs);
  }
}

/** The worker's end of a ring that the main thread reads. */
export class BlockingRingWriter extends Ring {
  #unannounced = 0;

  /** Free bytes that lie together, at least one, to be filled and given by `put`. @throws when the reader gave up */
  space(): Buffer<SharedArrayBuffer> {
    for (;;) {
      const seen = this.seen(readerActs);
      if (this.isBroken) throw new BrokenRing();
      const room = capacity - this.filled();
      if (room > 0) {
        const start = this.place(written);
        return this.data.subarray(start, Math.min(start + room, capacity));
      }
      this.#announce();
      Atomics.wait(this.control, readerActs, seen);
    }
  }

  put(length: number): void {
    this.advance(written, length);
    this.#unannounced += length;
    if (this.#unannounced >= wakeStep) this.#announce();
  }

  end(): void {
    this.finish();
  }

  #announce(): void {
    this.#unannounced = 0;
    this.act(writerActs);
  }
}

/** The main thread's end of a ring that a worker writes. */
export class AsyncRingReader extends Ring {
  readonly #litter = new StreamLitter();

  /** A copy of what is there, at most 1 MiB, waiting for at least a byte; undefined at the end or when broken. */
  async read(): Promise<Buffer | undefined> {
    for (;;) {
      const seen = this.seen(writerActs);
      // Before looking for bytes, as the writer may write and end in between.
      const isEnded = this.isEnded;
      if (this.isBroken) return undefined;
      const filled = this.filled();
      if (filled > 0) {
        const start = this.place(taken);
        const length = Math.min(filled, capacity - start, 1024 * 1024);
        const chunk = Buffer.from(this.data.subarray(start, start + length));
        this.advance(taken, length);
        this.act(readerActs);
        this.#litter.dropped(length);
        return chunk;
      }
      if (isEnded) return undefined;
      await Atomics.waitAsync(this.control, writerActs, seen).value;
    }
  }
}

/** The other side of the ring gave up. */
export class BrokenRing extends Error {
  override readonly name = 'BrokenRing';
}
