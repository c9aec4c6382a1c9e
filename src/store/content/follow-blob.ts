/** Reads a blob while it is being written. */
import { open, type FileHandle } from 'node:fs/promises';
import { fail } from '#base/errors/failure.ts';
import type { GrowingFile } from './contract.ts';
import type { Growth, Growths } from './growth.ts';

const pieceSize = 256 * 1024;

export interface Sought {
  readonly digest: string;
  readonly signal: AbortSignal;
  readonly growths: Growths;
  /** The file of the whole blob, or else of what there is of it, with the bytes in it. */
  readonly find: () => { readonly path: string; readonly size: number } | undefined;
}

export interface Followed extends Sought {
  /** Of the whole. */
  readonly size: number;
}

/** Waits until there is a file. @throws content.writer_left */
export async function openGrowing({ digest, signal, growths, find }: Sought): Promise<GrowingFile> {
  const { promise: changed, resolve: wake, reject } = Promise.withResolvers<void>();
  using _listening = growths.listen(digest, () => wake());
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  // It may be aborted when nobody waits any more.
  changed.catch(() => undefined);
  try {
    signal.throwIfAborted();
    let file = await openFound(find);
    if (file === undefined) {
      await changed;
      file = await openFound(find);
    }
    if (file === undefined) throw fail('content.writer_left', { digest });
    return growingFile(file, { digest, growths, find });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function growingFile(file: FileHandle, { digest, growths, find }: Omit<Sought, 'signal'>): GrowingFile {
  return {
    descriptor: file.fd,
    watch: (onSize) => {
      const listening = growths.listen(digest, ({ size, state }) => onSize(state === 'lost' ? undefined : size));
      onSize(find()?.size);
      return listening;
    },
    [Symbol.asyncDispose]: async () => await file.close(),
  };
}

/** @throws content.writer_left */
export async function* followBlob({ digest, size, signal, growths, find }: Followed): AsyncGenerator<Buffer> {
  let growth: Growth = { size: find()?.size ?? 0, state: 'growing' };
  let wake: () => void = () => undefined;
  using _listening = growths.listen(digest, (now) => {
    growth = now;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  let file: FileHandle | undefined;
  try {
    let position = 0;
    while (position < size) {
      signal.throwIfAborted();
      if (growth.state === 'lost') throw fail('content.writer_left', { digest });
      if (growth.size <= position) {
        if (growth.state === 'whole') throw fail('content.wrong_size', { digest, expected: size, actual: growth.size });
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      file ??= await openFound(find);
      if (file === undefined) continue;
      const length = Math.min(pieceSize, growth.size - position);
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
      // Begun anew since: the same bytes will come again.
      if (bytesRead === 0) growth = { size: find()?.size ?? 0, state: growth.state };
      if (bytesRead > 0) yield bytesRead === length ? buffer : buffer.subarray(0, bytesRead);
      position += bytesRead;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await file?.close();
  }
}

async function openFound(find: Followed['find']): Promise<FileHandle | undefined> {
  const found = find();
  if (found === undefined) return undefined;
  try {
    return await open(found.path, 'r');
  } catch (error) {
    // Renamed to its digest in between.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
