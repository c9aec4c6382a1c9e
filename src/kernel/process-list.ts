/** `docker top`: runs the host's ps(1) and keeps the rows of some processes. */
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { failedWith } from './failed-with.ts';
import { runProgram } from './run-program.ts';

export interface ProcessTable {
  readonly titles: string[];
  readonly rows: string[][];
}

const largestOutput = 64 * 1024 * 1024;

/**
 * The rows of `pids` in ps's output for `parameters` (separated by single spaces; empty: `-ef`).
 * @throws kernel.process_list_failed with Docker's text, the signal's reason
 */
export async function listProcesses(parameters: string, pids: readonly number[], signal?: AbortSignal): Promise<ProcessTable> {
  const wanted = parameters === '' ? '-ef' : parameters;
  refuseDisguisedPid(wanted);
  const given = wanted.split(' ');
  // Some options cannot go with -q, which spares the rest of the host.
  let result = await runPs([...given, `-q${pids.join(',')}`], signal);
  if (result.exitCode !== 0) result = await runPs(given, signal);
  if (result.exitCode !== 0) {
    const reason = result.stderr.split('\n', 1)[0] ?? '';
    throw failed(`ps: ${reason === '' ? `exit status ${result.exitCode}` : reason}`);
  }
  return parseProcessTable(result.output, new Set(pids));
}

/** Keeps the rows whose `PID` is among `pids`, and the threads (`-`) that follow one. @throws kernel.process_list_failed */
export function parseProcessTable(output: string, pids: ReadonlySet<number>): ProcessTable {
  const [header = '', ...lines] = output.split('\n');
  const titles = fields(header);
  const place = titles.indexOf('PID');
  if (place === -1) throw failed("Couldn't find PID field in ps output");
  const rows: string[][] = [];
  let threadsBelong = false;
  for (const line of lines) {
    const row = fields(line);
    const pid = row[place];
    if (pid === undefined) continue;
    if (pid !== '-') {
      if (!/^\d+$/.test(pid)) throw failed(`Unexpected pid '${pid}': strconv.Atoi: parsing ${JSON.stringify(pid)}: invalid syntax`);
      threadsBelong = pids.has(Number(pid));
    }
    // What hangs over the last title belongs to it: a command line has spaces.
    if (threadsBelong) rows.push([...row.slice(0, titles.length - 1), row.slice(titles.length - 1).join(' ')]);
  }
  return { titles, rows };
}

/** Another column with the title PID would make rows of the host pass for the container's. */
function refuseDisguisedPid(parameters: string): void {
  for (const [, column = '', title = ''] of parameters.matchAll(/\s+([^\s]*)=\s*(PID[^\s]*)/g)) {
    if (column !== 'pid') throw failed(`specifying "${column}=${title}" is not allowed`);
  }
}

async function runPs(parameters: readonly string[], signal: AbortSignal | undefined): Promise<{ exitCode: number; output: string; stderr: string }> {
  const output: string[] = [];
  let length = 0;
  const collect = (stream: Readable): void => {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      length += chunk.length;
      if (length <= largestOutput) output.push(chunk);
    });
  };
  try {
    const { exitCode, stderr } = await runProgram('ps', parameters, { stdout: collect, ...(signal === undefined ? {} : { signal }) });
    return { exitCode, stderr, output: output.join('') };
  } catch (error) {
    if (failedWith(error, 'ENOENT')) throw failed('ps: exec: "ps": executable file not found in $PATH');
    throw error;
  }
}

/** Unlike `trim` and `split(/\s/)`, this leaves spaces of other alphabets in place. */
function fields(line: string): string[] {
  return line.split(/[\t\n\f\r ]+/).filter((field) => field !== '');
}

function failed(message: string): Error {
  return fail('kernel.process_list_failed', { message });
}
