/** How long ago a process was made, by the clock that counts from the machine's start and that nobody sets. */
import { readFileSync } from 'node:fs';
import { readProcessIdentity } from './pidfd.ts';

/** Field 22 of /proc/PID/stat counts in hundredths of a second everywhere, proc_pid_stat(5). */
const tick = 10_000_000n;

/** Nanoseconds, to a hundredth of a second; undefined: there is no such process. */
export function processAge(pid: number): bigint | undefined {
  const identity = pid > 0 ? readProcessIdentity(pid) : undefined;
  if (identity === undefined) return undefined;
  const [seconds = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ');
  const age = BigInt(Math.round(Number(seconds) * 1e9)) - BigInt(identity.startTime) * tick;
  return age > 0n ? age : 0n;
}
