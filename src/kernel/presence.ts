/** Whether something is at a path, links followed. */
import { stat } from 'node:fs/promises';
import { failedWith } from './failed-with.ts';
import { describeErrno, errnoOf } from './libc.ts';

/** `fault`: why that cannot be told, in the C library's words. */
export type Presence = 'there' | 'missing' | { readonly fault: string };

export async function presenceOf(path: string): Promise<Presence> {
  try {
    await stat(path);
    return 'there';
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return 'missing';
    if (error instanceof Error && 'code' in error) return { fault: describeErrno(errnoOf(String(error.code))) };
    throw error;
  }
}
