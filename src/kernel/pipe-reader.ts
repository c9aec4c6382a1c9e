/** The bytes that come out of a pipe, in large pieces: a stream of Node's takes them in many small ones, each of which costs the same. */
import { Socket } from 'node:net';

const pieceSize = 256 * 1024;
/** Of a piece: what is less is copied, so that its memory serves the next. */
const worthKeeping = pieceSize / 2;

/** Owns the descriptor. To be disposed also after its end. */
export class PipeReader implements Disposable {
  readonly #socket: Socket;
  readonly #ready: Buffer[] = [];
  #spare: Buffer | undefined;
  #isEnded = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(descriptor: number) {
    const onread = { buffer: () => this.#room(), callback: (length: number, bytes: Uint8Array) => this.#take(length, bytes) };
    this.#socket = new Socket({ fd: descriptor, readable: true, writable: false, onread });
    this.#socket.once('end', () => this.#end());
    this.#socket.once('close', () => this.#end());
    this.#socket.once('error', (error) => {
      this.#failure = error;
      this.#end();
    });
    this.#socket.resume();
  }

  /** The next bytes; undefined at the end. They are the caller's alone. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const piece = this.#ready.shift();
      if (piece !== undefined) {
        this.#socket.resume();
        return piece;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #room(): Buffer {
    const room = this.#spare ?? Buffer.allocUnsafeSlow(pieceSize);
    this.#spare = undefined;
    return room;
  }

  /** Answers whether to read on. */
  #take(length: number, bytes: Uint8Array): boolean {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    if (length >= worthKeeping) this.#ready.push(piece);
    else {
      this.#ready.push(Buffer.from(piece));
      this.#spare = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.#wake();
    return this.#ready.length < 1;
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }
}
