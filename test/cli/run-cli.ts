/** Runs the command line from its sources as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../bin/dhow.mjs', import.meta.url));

export interface CliOptions {
  readonly program?: 'docker' | 'dhow';
  /** The daemon's socket. */
  readonly socketPath?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly directory?: string;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly process: ChildProcess;
  readonly result: Promise<CliResult>;
}

export function startCli(words: readonly string[], options: CliOptions = {}): RunningCli {
  const { program = 'docker', socketPath, environment = {}, input, directory } = options;
  const child = spawn(process.execPath, ['--', entry, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: directory,
    env: {
      PATH: process.env['PATH'], HOME: '/nonexistent', DHOW_PROGRAM: program,
      ...(socketPath === undefined ? {} : { DOCKER_HOST: `unix://${socketPath}` }),
      ...environment,
    },
  });
  child.stdin.on('error', () => {});
  if (input !== undefined) child.stdin.end(input);
  return { process: child, result: collect(child) };
}

export async function runCli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await startCli(words, { input: '', ...options }).result;
}

async function collect(child: ChildProcess): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
