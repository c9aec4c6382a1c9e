/** Makes the directory that becomes the root of containers. */
import { chmodSync, mkdirSync } from 'node:fs';

/** With Docker's mode 0755, whatever this process's mask. */
export function makeRoot(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}
