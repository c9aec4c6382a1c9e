/** Sends part of a file as a response's body from buffers in turn: some are read into while another is on its way. */
import { read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { giveBuffer, takeBuffer } from '../storage/buffer-pool.ts';

/** Of a growing file: waits until the `length` bytes from `position` on may be read as far as they are there, and there are some. */
export type Readiness = (position: number, length: number) => Promise<void>;

/** Bytes of a growing file that are read at once: who waits for it gets them early. */
const growingPiece = 256 * 1024;

/** Buffers of a response: more are read ahead while few responses are under way. */
const depths = { few: 4, many: 2 };
const fewResponses = 2;
let responses = 0;

/** Ends the response. Rejects when the client goes or the file is shorter than was said. */
export async function sendFile(response: ServerResponse, handle: FileHandle, range: { start: number; length: number; ready?: Readiness }): Promise<void> {
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const onClose = (): void => gone.reject(new ClientGone());
  response.once('close', onClose);
  const buffers = Array.from({ length: ++responses <= fewResponses ? depths.few : depths.many }, takeBuffer);
  const giveBack = (): void => buffers.forEach(giveBuffer);
  const reader = new FileReader(handle.fd, { ...range, buffers, gone: gone.promise });
  let sending: Promise<void> | undefined;
  try {
    for (let bytes = await reader.next(); bytes !== undefined; bytes = await reader.next()) {
      // Then the buffer before this one is free.
      await sending;
      reader.readAhead();
      sending = Promise.race([write(response, bytes), gone.promise]);
      sending.catch(() => undefined);
    }
    await sending;
    response.off('close', onClose);
    response.end();
    giveBack();
  } catch (error) {
    response.off('close', onClose);
    await reader.settle();
    // Until it is closed, the socket may still read from them.
    if (response.closed) giveBack();
    else response.once('close', giveBack);
    throw error;
  } finally {
    responses--;
  }
}

/** Reads a part of a file into buffers in turn, all but one ahead of what has been asked for; of a growing file only what is asked for. */
class FileReader {
  readonly #descriptor: number;
  readonly #options: { readonly start: number; readonly length: number; readonly ready?: Readiness; readonly buffers: readonly Buffer[]; readonly gone: Promise<never> };
  readonly #reads: Promise<Buffer>[] = [];
  /** Of the next read and of what is asked for next. */
  #ahead: number;
  #position: number;
  #turn = 0;

  constructor(descriptor: number, options: { start: number; length: number; ready?: Readiness; buffers: readonly Buffer[]; gone: Promise<never> }) {
    this.#descriptor = descriptor;
    this.#options = options;
    this.#position = this.#ahead = options.start;
    if (options.ready === undefined) for (let index = 1; index < options.buffers.length; index++) this.readAhead();
  }

  /** Undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const { start, length, ready, gone } = this.#options;
    const left = start + length - this.#position;
    if (left === 0) return undefined;
    if (ready !== undefined) {
      const piece = Math.min(left, growingPiece);
      await Promise.race([ready(this.#position, piece), gone]);
      this.#ahead = this.#position;
      this.#read(piece);
    }
    const read = await this.#reads.shift();
    const bytes = read?.subarray(0, left) ?? Buffer.alloc(0);
    if (bytes.length === 0) throw new Error(`the file ends at byte ${this.#position} of ${start + length}`);
    this.#position += bytes.length;
    return bytes;
  }

  /** One more of the buffers is free. */
  readAhead(): void {
    const { start, length, ready } = this.#options;
    if (ready === undefined && this.#ahead < start + length) this.#read();
  }

  /** Waits until nothing is being read any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#reads);
  }

  /** Whole buffers, also at the end, unless told otherwise: past the page cache nothing else is read. */
  #read(most?: number): void {
    const { buffers } = this.#options;
    const buffer = (buffers[this.#turn++ % buffers.length] ?? Buffer.alloc(0)).subarray(0, most);
    const read = readAt(this.#descriptor, buffer, this.#ahead);
    read.catch(() => undefined);
    this.#ahead += buffer.length;
    this.#reads.push(read);
  }
}

export class ClientGone extends Error {
  override readonly name = 'ClientGone';

  constructor() {
    super('the client has closed the connection');
  }
}

async function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  response.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  await promise;
}

/** The bytes read. The promises of `FileHandle` cost the main thread more than the read itself. */
async function readAt(descriptor: number, buffer: Buffer, position: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  read(descriptor, buffer, 0, buffer.length, position, (error, count) => (error === null ? resolve(buffer.subarray(0, count)) : reject(error)));
  return await promise;
}
