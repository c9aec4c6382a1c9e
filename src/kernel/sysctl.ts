/** Kernel settings under /proc/sys. Those of `net` belong to the namespace the calling thread is in. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fail } from '#base/errors/failure.ts';
import { describeErrno, errnoName } from './libc.ts';

/** `net.ipv4.ip_forward` as the path of its file; a name with slashes keeps dots as they are. */
export function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
}

/** The value without its line end; undefined when the kernel has no such setting. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(sysctlPath(name), 'utf8').trimEnd();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapped(error, 'read', name);
  }
}

/** @throws kernel.syscall_failed, also when there is no such setting (`ENOENT`) or it must not be written (`EROFS`, `EACCES`) */
export function writeSysctl(name: string, value: string): void {
  try {
    // Never makes a file: opening with O_CREAT is refused by some kernels.
    writeFileSync(sysctlPath(name), value, { flag: 'r+' });
  } catch (error) {
    throw wrapped(error, 'write', name);
  }
}

/** Writes only where the value differs, so that settings made before need no right to write. */
export function ensureSysctl(name: string, value: string): void {
  if (readSysctl(name) !== value) writeSysctl(name, value);
}

function wrapped(error: unknown, syscall: string, name: string): unknown {
  if (!(error instanceof Error && 'errno' in error && typeof error.errno === 'number')) return error;
  const number = Math.abs(error.errno);
  return fail('kernel.syscall_failed', { syscall, path: sysctlPath(name), errno: errnoName(number), reason: describeErrno(number) }, error);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
