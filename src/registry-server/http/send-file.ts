/** Sends part of a file as a response's body from two buffers in turn: one is read into while the other is on its way. */
import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { giveBuffer, takeBuffer } from '../storage/buffer-pool.ts';

/** Reads more bytes of a growing file: waits until there are some from `position` on. */
export type Readiness = (position: number) => Promise<void>;

/** Ends the response. Rejects when the client goes or the file is shorter than was said. */
export async function sendFile(response: ServerResponse, handle: FileHandle, range: { start: number; length: number; ready?: Readiness }): Promise<void> {
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const onClose = (): void => gone.reject(new ClientGone());
  response.once('close', onClose);
  const buffers = [takeBuffer(), takeBuffer()];
  let sending: Promise<void> | undefined;
  try {
    let position = range.start;
    const end = range.start + range.length;
    for (let turn = 0; position < end; turn ^= 1) {
      const buffer = buffers[turn] ?? Buffer.alloc(0);
      if (range.ready !== undefined) await Promise.race([range.ready(position), gone.promise]);
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - position), position);
      if (bytesRead === 0) throw new Error(`the file ends at byte ${position} of ${end}`);
      await sending;
      position += bytesRead;
      sending = Promise.race([write(response, buffer.subarray(0, bytesRead)), gone.promise]);
      sending.catch(() => undefined);
    }
    await sending;
    response.off('close', onClose);
    response.end();
    for (const buffer of buffers) giveBuffer(buffer);
  } finally {
    // Buffers of a response that has failed may still be read by the socket: they are not used again.
    response.off('close', onClose);
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
