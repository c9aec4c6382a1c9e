/** The file of a blob that may still be written, for one who reads it meanwhile. */
import { open, type FileHandle } from 'node:fs/promises';
import { fail } from '#base/errors/failure.ts';
import type { GrowingFile } from './contract.ts';
import type { Growths } from './growth.ts';

export interface Sought {
  readonly digest: string;
  readonly signal: AbortSignal;
  readonly growths: Growths;
  /** The file of the whole blob, or else of what there is of it, with the bytes in it. */
  readonly find: () => { readonly path: string; readonly size: number } | undefined;
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

async function openFound(find: Sought['find']): Promise<FileHandle | undefined> {
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
