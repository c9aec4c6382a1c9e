/** The end of a file, and what is added to it. */
import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';
import type { Output } from '#cli/streams/output.ts';

const pieceSize = 64 << 10;

/**
 * Writes a file's last lines; `follow`: and then what is added, until the signal aborts.
 * @param lines -1: all of them
 */
export async function showFile(path: string, { lines, follow, output, signal }: { lines: number; follow: boolean; output: Output; signal: AbortSignal }): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw new CommandFailure(`open ${path}: ${errnoText(error)}`, 1, error);
  }
  await using _closed = file;
  let position = lines < 0 ? 0 : await startOfLastLines(file, lines);
  const copy = async (): Promise<void> => {
    const piece = Buffer.alloc(pieceSize);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, pieceSize, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      await output.stream(Buffer.from(piece.subarray(0, bytesRead)));
    }
    // A file cut short begins anew.
    if ((await file.stat()).size < position) position = 0;
  };
  if (!follow) return await copy();
  let change = Promise.withResolvers<void>();
  const wake = (): void => change.resolve();
  const watcher = watch(path, wake);
  signal.addEventListener('abort', wake, { once: true });
  try {
    while (!signal.aborted) {
      change = Promise.withResolvers<void>();
      await copy();
      await change.promise;
    }
  } finally {
    signal.removeEventListener('abort', wake);
    watcher.close();
  }
}

/** Where the last `count` lines begin. */
async function startOfLastLines(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  let left = count;
  let end = size;
  while (end > 0) {
    const begin = Math.max(end - pieceSize, 0);
    const piece = Buffer.alloc(end - begin);
    await file.read(piece, 0, piece.length, begin);
    for (let at = piece.length - 1; at >= 0; at--) {
      // The newline that ends the file begins no line.
      if (piece[at] !== 0x0a || begin + at === size - 1) continue;
      left--;
      if (left <= 0) return begin + at + 1;
    }
    end = begin;
  }
  return 0;
}
