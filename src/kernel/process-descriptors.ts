/** Counts what this process has open. */
import { readdirSync } from 'node:fs';

/** Open file descriptors of this process, proc_pid_fd(5). */
export function openDescriptors(): number {
  // The directory itself is open while it is read.
  return readdirSync('/proc/self/fd').length - 1;
}
