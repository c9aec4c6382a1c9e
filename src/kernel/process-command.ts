/** What a process runs, proc_pid_cmdline(5). */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The words of its command line; undefined when there is no such process. One that has ended and was not yet
 * reaped counts as gone: it has no command line any more.
 */
export function commandLineOf(pid: number): string[] | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return undefined;
    throw error;
  }
  return text === '' ? undefined : text.replace(/\0$/, '').split('\0');
}

/** Pids of the machine whose command line has this word, as a whole. */
export function processesWithWord(word: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => commandLineOf(pid)?.includes(word) === true);
}
