/**
 * Reads a file of a root filesystem that is not trusted: every link, absolute or with `..`, stays inside
 * (openat2(2) with RESOLVE_IN_ROOT), and only regular files are read, so neither a device nor a FIFO is opened.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { checked, declare, errnoName, koffi, lastErrno, syscallError } from './libc.ts';

const openat2 = declare('long syscall(long number, int directory, const char *path, void *how, size_t size)');
/** The same number on every architecture (added in Linux 5.6). */
const openat2Number = 437;
const resolveNoMagicLinks = 0x02n;
const resolveInRoot = 0x10n;
const openPathFlag = 0o10000000;

/**
 * The file's text, or undefined when there is none, or none that is a regular file.
 * @throws kernel.syscall_failed for anything else, also when it is larger than `limit` bytes
 */
export function readFileInRoot(root: string, path: string, limit = 16 * 1024 * 1024): string | undefined {
  const directory = openSync(root, constants.O_DIRECTORY | openPathFlag);
  try {
    const how = new BigUint64Array([BigInt(constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | 0o2000000), 0n, resolveNoMagicLinks | resolveInRoot]);
    const opened = Number(openat2(openat2Number, directory, path, how, 24));
    if (opened < 0) {
      const number = lastErrno();
      if (['ENOENT', 'ENOTDIR', 'ENXIO', 'ELOOP', 'EISDIR'].includes(errnoName(number))) return undefined;
      throw syscallError('openat2', `${root}/${path}`, number);
    }
    try {
      return readRegularFile(checked(opened, 'openat2', path), limit, `${root}/${path}`);
    } finally {
      closeSync(opened);
    }
  } finally {
    closeSync(directory);
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
