/** Tells which errno a system call failed with. */
import { isFailure } from '#base/errors/failure.ts';

/** Whether `error` is a failed system call with one of these numbers, such as `ENOENT`. Knows errors of this folder and those of `node:fs`. */
export function failedWith(error: unknown, ...names: string[]): boolean {
  if (isFailure(error, 'kernel.syscall_failed')) return names.includes(String(error.details['errno']));
  return error instanceof Error && 'code' in error && names.includes(String(error.code));
}
