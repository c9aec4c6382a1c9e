/** Clones the repository of a build's context with the user's git. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { CommandFailure } from '#cli/command-failure.ts';

export interface ClonedDirectory extends AsyncDisposable {
  readonly path: string;
}

/** @param address `repository#ref:directory`. @throws CommandFailure with Docker's texts */
export async function cloneContext(address: string, environment: Readonly<Record<string, string | undefined>>): Promise<ClonedDirectory> {
  const [remote = '', fragment = ''] = address.split('#', 2);
  const [ref = '', directory = ''] = fragment.split(':', 2);
  const url = remote.startsWith('git@') || remote.includes('://') ? remote : `https://${remote}`;
  const root = mkdtempSync(join(tmpdir(), 'docker-build-git-'));
  const git = async (...words: string[]): Promise<void> => {
    const { code, output } = await run(['-C', root, ...words], { ...environment, GIT_PROTOCOL_FROM_USER: '0' });
    if (code !== 0) throw failure(`error fetching: ${output}: exit status ${code}`);
  };
  try {
    await git('init', '--quiet');
    await git('remote', 'add', 'origin', url);
    await git('fetch', '--quiet', ...(/^[0-9a-f]{40}$/.test(ref) ? [] : ['--depth', '1']), 'origin', '--', ref === '' ? 'HEAD' : ref);
    await git('checkout', '--quiet', 'FETCH_HEAD');
    await rm(join(root, '.git'), { recursive: true, force: true });
    return { path: join(root, posix.join('/', directory)), [Symbol.asyncDispose]: async () => await rm(root, { recursive: true, force: true }) };
  } catch (error) {
    await rm(root, { recursive: true, force: true });
    throw error;
  }
}

function failure(reason: string): CommandFailure {
  return new CommandFailure(`unable to prepare context: unable to 'git clone' to temporary context directory: ${reason}`);
}

async function run(words: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<{ code: number; output: string }> {
  const child = spawn('git', words, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; output: string }>();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  child.once('error', () => reject(new CommandFailure(`unable to prepare context: unable to find 'git': exec: "git": executable file not found in $PATH`)));
  child.once('close', (code) => resolve({ code: code ?? 1, output: output.trim() }));
  return await promise;
}
