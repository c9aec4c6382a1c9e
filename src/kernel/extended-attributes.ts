/** Extended attributes of files (xattr(7)), never following a link at the end of the path. Paths and names as in `path-bytes.ts`. */
import { declare, errnoName, lastErrno, syscallError } from './libc.ts';
import { PathBuffer } from './path-bytes.ts';

const nativeSet = declare('int lsetxattr(const uint8_t *path, const uint8_t *name, const uint8_t *value, size_t size, int flags)');
const nativeGet = declare('long lgetxattr(const uint8_t *path, const uint8_t *name, _Out_ uint8_t *value, size_t size)');
const nativeList = declare('long llistxattr(const uint8_t *path, _Out_ uint8_t *names, size_t size)');

const pathBytes = new PathBuffer();
const nameBytes = new PathBuffer();

/** @throws kernel.syscall_failed with Go's form of the path: `/path: xattr "name"` */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  const result = Number(nativeSet(pathBytes.fill(path, 'lsetxattr'), nameBytes.fill(name, 'lsetxattr'), value, value.length, 0));
  if (result < 0) throw syscallError('lsetxattr', `/${path.replace(/^\//, '')}: xattr "${name}"`);
}

/** The value, or undefined when there is none or the file system has no such attributes. @throws kernel.syscall_failed */
export function getAttribute(path: string, name: string): Buffer | undefined {
  return readGrowing('lgetxattr', path, (value) => Number(nativeGet(pathBytes.fill(path, 'lgetxattr'), nameBytes.fill(name, 'lgetxattr'), value, value.length)));
}

/** Names of all attributes; none where the file system has no such attributes. @throws kernel.syscall_failed */
export function listAttributes(path: string): string[] {
  const names = readGrowing('llistxattr', path, (value) => Number(nativeList(pathBytes.fill(path, 'llistxattr'), value, value.length)));
  return names === undefined || names.length === 0 ? [] : names.toString('latin1', 0, names.length - 1).split('\0');
}

function readGrowing(syscall: string, path: string, call: (value: Buffer) => number): Buffer | undefined {
  for (let size = 1024; ; size *= 8) {
    const value = Buffer.alloc(size);
    const length = call(value);
    if (length >= 0) return value.subarray(0, length);
    const number = lastErrno();
    const name = errnoName(number);
    if (name === 'ENODATA' || name === 'EOPNOTSUPP' || name === 'ENOTSUP') return undefined;
    // Values are at most 64 KiB (xattr(7)).
    if (name !== 'ERANGE' || size > 65536) throw syscallError(syscall, path, number);
  }
}

