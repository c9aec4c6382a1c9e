/**
 * Reads a file of a root filesystem that is not trusted: every link, absolute or with `..`, stays inside,
 * and only regular files are read, so neither a device nor a FIFO is opened.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { failedWith } from './failed-with.ts';
import { koffi, syscallError } from './libc.ts';
import { openInRoot } from './open-in-root.ts';

const openPathFlag = 0o10000000;

/**
 * The file's text, or undefined when there is none, or none that is a regular file.
 * @throws kernel.syscall_failed for anything else, also when it is larger than `limit` bytes
 */
export function readFileInRoot(root: string, path: string, limit = 16 * 1024 * 1024): string | undefined {
  const directory = openSync(root, constants.O_DIRECTORY | openPathFlag);
  let opened: number;
  try {
    opened = openInRoot({ directory, path: Buffer.from(path).toString('latin1'), flags: constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY, links: 'followed' });
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ENXIO', 'ELOOP', 'EISDIR')) return undefined;
    throw error;
  } finally {
    closeSync(directory);
  }
  try {
    return readRegularFile(opened, limit, `${root}/${path}`);
  } finally {
    closeSync(opened);
  }
}

function readRegularFile(descriptor: number, limit: number, path: string): string | undefined {
  const facts = fstatSync(descriptor);
  if (!facts.isFile()) return undefined;
  if (facts.size > limit) throw syscallError('read', path, koffi.os.errno['EFBIG'] ?? 27);
  const buffer = Buffer.alloc(facts.size);
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(descriptor, buffer, filled, buffer.length - filled, filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.toString('utf8', 0, filled);
}
