/** `--cidfile`: a new file with the container's id; one that exists already is never overwritten. */
import { closeSync, existsSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { errnoText } from '#cli/errno-text.ts';

export interface IdentifierFile extends Disposable {
  write(id: string): void;
}

/** Disposing removes a file into which no id was written. Empty path: no file. @throws Error with Docker's texts */
export function openIdentifierFile(path: string): IdentifierFile {
  if (path === '') return { write: () => {}, [Symbol.dispose]: () => {} };
  if (existsSync(path)) throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'w', 0o666);
  } catch (error) {
    throw new Error(`failed to create the container ID file: open ${path}: ${errnoText(error)}`, { cause: error });
  }
  let isWritten = false;
  return {
    write: (id) => {
      writeSync(descriptor, id);
      isWritten = true;
    },
    [Symbol.dispose]: () => {
      closeSync(descriptor);
      if (!isWritten) unlinkSync(path);
    },
  };
}
