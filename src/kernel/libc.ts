/**
 * The door to the C library: declares functions over FFI and turns -1 into a typed error. Only files
 * of `src/kernel/` import this. Loaded by the daemon alone, never by the CLI.
 */
import koffi from 'koffi';
import { constants } from 'node:os';
import { fail, type EngineError } from '#base/errors/failure.ts';

const library = koffi.load('libc.so.6');

type NativeFunction = ReturnType<typeof library.func>;

/** Declares a C function by its prototype, e.g. `int umount2(const char *target, int flags)`. */
export function declare(prototype: string): NativeFunction {
  return library.func(prototype);
}

const errnoNames = new Map<number, string>(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The C library's words for an errno, e.g. "no such file or directory" as Go prints it (lower case). */
export function describeErrno(number: number): string {
  return String(strerror(number)).toLowerCase();
}
const strerror = declare('const char *strerror(int number)');

/** `ENOENT` and the like. */
export function errnoName(number: number): string {
  return errnoNames.get(number) ?? `errno ${number}`;
}

/** The number of `ENOENT` and the like; 0: none. */
export function errnoOf(name: string): number {
  return new Map<string, number>(Object.entries(constants.errno)).get(name) ?? 0;
}

/** The error for a failed call: code `kernel.syscall_failed` with `syscall`, `path`, `errno` (name) and `reason`. */
export function syscallError(syscall: string, path: string | undefined, number: number = koffi.errno()): EngineError {
  return fail('kernel.syscall_failed', { syscall, path, errno: errnoName(number), reason: describeErrno(number) });
}

/** Passes a result through, or throws when it is negative. Call it directly on the native call's result, so that errno is still its own. */
export function checked(result: number, syscall: string, path?: string): number {
  if (result < 0) throw syscallError(syscall, path);
  return result;
}

/** The errno of the last synchronous call. */
export function lastErrno(): number {
  return koffi.errno();
}

export { koffi };
