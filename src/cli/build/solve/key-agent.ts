/** An SSH agent of our own with keys of files, for `--ssh ID=KEY,…`: the system's `ssh-agent`, for as long as the build. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CommandFailure } from '#cli/command-failure.ts';

export interface KeyAgent extends AsyncDisposable {
  readonly socket: string;
}

const patience = 10_000;

/** @throws CommandFailure where the programs or the keys are no good */
export async function startKeyAgent(keys: readonly string[]): Promise<KeyAgent> {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-agent-'));
  const socket = join(directory, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const ended = once(agent, 'close').catch((error: unknown) => error);
  const dispose = async (): Promise<void> => {
    agent.kill();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const failed = ended.then(() => Promise.reject(new CommandFailure('keys for --ssh need the program ssh-agent, which cannot be run here: give the socket of an agent instead')));
    await Promise.race([failed, listens(socket)]);
    failed.catch(() => undefined);
    await promisify(execFile)('ssh-add', ['-q', ...keys], { env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'never' } }).catch((error: unknown) => {
      throw new CommandFailure(`the keys ${keys.join(', ')} cannot be given to an agent: ${error instanceof Error ? error.message.trim() : String(error)}`, 1, error);
    });
    return { socket, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function listens(socket: string): Promise<void> {
  const end = performance.now() + patience;
  while (!existsSync(socket)) {
    if (performance.now() > end) throw new CommandFailure('ssh-agent did not begin to listen');
    await delay(5);
  }
}
