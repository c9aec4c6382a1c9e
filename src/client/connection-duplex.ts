/** A hijacked connection as a stream of Node's, for protocols that take one. */
import { Duplex } from 'node:stream';
import type { HijackedStream } from './hijacked-stream.ts';

export class ConnectionDuplex extends Duplex {
  readonly #stream: HijackedStream;

  constructor(stream: HijackedStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
  }

  override _read(): void {
    this.#stream.read().then((chunk) => this.push(chunk ?? null), (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#stream.write(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#stream.closeWrite();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stream.close();
    done(error);
  }
}
