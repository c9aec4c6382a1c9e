/** How the C library's allocator deals with memory that was given back (mallopt(3)). */
import { declare, checked } from './libc.ts';

const mallopt = declare('int mallopt(int parameter, int value)');

const mmapThreshold = -3;
const arenaCount = -8;

/** Network and file buffers are this large and come by the thousand. */
const bufferSize = 64 * 1024;

/**
 * Makes buffers go back to the system when they are freed. Left to itself the allocator raises the size up to
 * which it keeps them at each larger one it sees, and the process stays as large as it ever was.
 */
export function returnFreedMemory(): void {
  checked(Number(mallopt(mmapThreshold, bufferSize)) - 1, 'mallopt');
  checked(Number(mallopt(arenaCount, 1)) - 1, 'mallopt');
}

const malloc_trim = declare('int malloc_trim(size_t padding)');

/** Gives back what the allocator keeps of freed memory, of all threads; a few milliseconds. */
export function trimFreedMemory(): void {
  malloc_trim(0);
}
