/** Finds programs of the system where they are usually installed, whatever PATH the daemon was started with. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The program's path; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
