/** POSIX shared memory of the host, shm_overview(7). */
export const sharedMemoryOfHost = '/dev/shm';
