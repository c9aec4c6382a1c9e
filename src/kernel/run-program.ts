/**
 * Runs a program of the system to its end. For rare work (package tools, firewall tables): it forks
 * the daemon, so starts of containers use `posix-spawn.ts` instead.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export interface ProgramOptions {
  /** Written to standard input, which is otherwise empty. */
  readonly input?: string | Readable;
  /** Added to a minimal environment (PATH, LANG, HOME). */
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** Called with every line of standard error and, unless `stdout` is given, standard output. */
  readonly onLine?: (line: string) => void;
  /** Gets standard output as a stream instead of collecting it. */
  readonly stdout?: (output: Readable) => void;
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  readonly exitCode: number;
  /** The first MiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

const collectedLimit = 1024 * 1024;

/** @throws the system's error when the program cannot be started, the signal's reason when aborted (the program is then killed with its process group). */
export async function runProgram(path: string, parameters: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  const child = spawn(path, parameters, {
    cwd: options.workingDirectory ?? '/',
    detached: true,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/root', ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  };
  options.signal?.addEventListener('abort', kill, { once: true });
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signalName) => resolve(signalName === null ? (code ?? 0) : 255));
  });
  // A program that does not read its input is no error of ours.
  child.stdin.on('error', () => undefined);
  if (options.input === undefined || typeof options.input === 'string') child.stdin.end(options.input);
  else options.input.pipe(child.stdin);
  const stderr = collect(child.stderr, options.onLine);
  let stdout = (): string => '';
  if (options.stdout === undefined) stdout = collect(child.stdout, options.onLine);
  else options.stdout(child.stdout);
  try {
    const exitCode = await exited;
    options.signal?.throwIfAborted();
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    options.signal?.removeEventListener('abort', kill);
  }
}

function collect(stream: Readable, onLine: ((line: string) => void) | undefined): () => string {
  let text = '';
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (text.length < collectedLimit) text += chunk;
    if (onLine === undefined) return;
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '' && onLine !== undefined) onLine(rest);
  });
  return () => text;
}
