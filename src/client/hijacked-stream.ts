/** A connection that has become a plain stream both ways: attach and exec. Either side can be ended alone. */
import type { HttpConnection } from './http-connection.ts';

export class HijackedStream {
  readonly #connection: HttpConnection;
  /** `application/vnd.docker.multiplexed-stream`, `application/vnd.docker.raw-stream`, or empty from old daemons. */
  readonly mediaType: string;

  constructor(connection: HttpConnection, mediaType: string) {
    this.#connection = connection;
    this.mediaType = mediaType;
  }

  /** What comes next; undefined at the end. */
  read(): Promise<Buffer | undefined> {
    return this.#connection.reader.chunk();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let chunk = await this.read(); chunk !== undefined; chunk = await this.read()) yield chunk;
  }

  /** Resolves when the kernel has it, or the peer is gone. */
  async write(data: Uint8Array | string): Promise<void> {
    const { socket } = this.#connection;
    if (socket.destroyed || !socket.writable) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // A broken connection shows on the reading side, where the end is handled.
    socket.once('close', resolve);
    socket.write(data, () => resolve());
    await promise;
    socket.off('close', resolve);
  }

  /** Ends our side: the other end sees EOF, and may still send. */
  closeWrite(): void {
    this.#connection.socket.end();
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
