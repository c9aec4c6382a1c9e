/**
 * Pulls bytes from a socket: lines, counts, or whatever is there. What is not wanted yet stays in the
 * kernel once `highWaterMark` bytes are held here.
 */
import { ConnectionError } from './client-error.ts';
import type { Connection } from './connection.ts';

const highWaterMark = 512 * 1024;

export class ByteReader {
  readonly #socket: Connection;
  #held: Buffer[] = [];
  #size = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Connection) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#held.push(chunk);
      this.#size += chunk.length;
      if (this.#size > highWaterMark) socket.pause();
      this.#notify();
    });
    socket.on('end', () => this.#finish(undefined));
    socket.on('close', () => this.#finish(undefined));
    socket.on('error', (error) => this.#finish(error));
  }

  /** Up to and without the blank line that ends a head; undefined when the peer closed before a first byte. */
  async head(): Promise<string | undefined> {
    let all: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await this.chunk();
      if (chunk === undefined) {
        if (all.length === 0) return undefined;
        throw new Error('unexpected EOF');
      }
      all = all.length === 0 ? chunk : Buffer.concat([all, chunk]);
      const end = all.indexOf('\r\n\r\n');
      if (end >= 0) {
        this.putBack(all.subarray(end + 4));
        return all.toString('latin1', 0, end);
      }
      if (all.length > 256 * 1024) throw new Error('the head of the answer is longer than 256 KiB');
    }
  }

  /** One line without its CR LF. */
  async line(): Promise<string> {
    let all: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await this.chunk();
      if (chunk === undefined) throw new ConnectionError('unexpected EOF', { absent: false });
      all = all.length === 0 ? chunk : Buffer.concat([all, chunk]);
      const end = all.indexOf('\n');
      if (end >= 0) {
        this.putBack(all.subarray(end + 1));
        return all.toString('latin1', 0, end).replace(/\r$/, '');
      }
    }
  }

  /** Whatever is there, at most `limit` bytes, at least one; undefined at the end. */
  async chunk(limit = Infinity): Promise<Buffer | undefined> {
    while (this.#held.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (this.#socket.isPaused()) this.#socket.resume();
      await promise;
    }
    const first = this.#held.shift() ?? Buffer.alloc(0);
    this.#size -= first.length;
    if (first.length <= limit) return first;
    this.putBack(first.subarray(limit));
    return first.subarray(0, limit);
  }

  /** Bytes to be read first again. */
  putBack(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.unshift(bytes);
    this.#size += bytes.length;
  }

  /** Whether the peer is gone and nothing is left. */
  get isOver(): boolean {
    return (this.#ended || this.#failure !== undefined) && this.#held.length === 0;
  }

  #finish(error: Error | undefined): void {
    this.#ended = true;
    this.#failure ??= error;
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
