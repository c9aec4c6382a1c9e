/** Files that commands read, with Go's texts for what stands in the way. */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';

/** The bytes of a file, from the begin; the file is closed at the end. @throws CommandFailure */
export async function openInput(path: string): Promise<AsyncIterable<Buffer>> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw new CommandFailure(`open ${path}: ${errnoText(error)}`, 1, error);
  }
  return read(createReadStream(path, { fd: handle, highWaterMark: 1 << 20 }), path);
}

async function* read(file: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  try {
    yield* file;
  } catch (error) {
    throw new CommandFailure(`read ${path}: ${errnoText(error)}`, 1, error);
  }
}
