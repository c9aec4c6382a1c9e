/** Gives freed memory of the C library's heap back to the system, which otherwise keeps what a burst of work took. */
import { declare } from './libc.ts';

const trim = declare('int malloc_trim(size_t pad)');

export function trimHeap(): void {
  trim(0);
}
