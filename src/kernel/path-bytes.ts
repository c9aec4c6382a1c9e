/**
 * Paths as bytes for system calls. A path is given as a string with one character per byte (Latin-1), so
 * that names in any encoding pass unchanged. A result is valid until the same buffer is filled again.
 */
import { constants } from 'node:os';
import { syscallError } from './libc.ts';

const longestPath = 4095;

/** A buffer that holds one path at a time. */
export class PathBuffer {
  readonly #bytes = Buffer.alloc(longestPath + 1);

  /** The path with a closing zero. @param shown as errors have it @throws kernel.syscall_failed: too long or with a zero in it */
  fill(path: string, syscall: string, shown = path): Buffer {
    if (path.length > longestPath) throw syscallError(syscall, shown, constants.errno.ENAMETOOLONG);
    if (path.includes('\0')) throw syscallError(syscall, shown.replaceAll('\0', '\\x00'), constants.errno.EINVAL);
    this.#bytes[this.#bytes.write(path, 'latin1')] = 0;
    return this.#bytes;
  }
}
