/** A failed system call in the words of the C library, as Go's errors end. */
const texts: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory', EACCES: 'permission denied', EPERM: 'operation not permitted', EISDIR: 'is a directory', ENOTDIR: 'not a directory',
  EEXIST: 'file exists', ENOSPC: 'no space left on device', EROFS: 'read-only file system', ENAMETOOLONG: 'file name too long', ELOOP: 'too many levels of symbolic links',
};

export function errnoText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return texts[code] ?? (error instanceof Error ? error.message : String(error));
}
