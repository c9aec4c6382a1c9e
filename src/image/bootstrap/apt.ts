/** The host's package tools: what its apt downloads from, single packages, and installing a missing program. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram, type ProgramOptions, type ProgramResult } from '#kernel/run-program.ts';
import { fail } from '#base/errors/failure.ts';

/** What a step of bootstrapping needs. */
export interface BootstrapContext {
  /** The image's name, for messages. */
  readonly name: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** @throws image.bootstrap_failed naming the command and its last words when it fails */
export async function runTool(context: BootstrapContext, program: string, parameters: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const result = await tryTool(context, program, parameters, options);
  if (result.exitCode !== 0) throw fail('image.bootstrap_failed', { name: context.name, reason: `${program} ${parameters[0] ?? ''} ended with ${result.exitCode}: ${lastWords(result)}` });
  return result;
}

async function tryTool(context: BootstrapContext, program: string, parameters: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  try {
    return await runProgram(program, parameters, { ...options, environment: { LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive', ...options.environment }, signal: context.signal });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw fail('image.bootstrap_failed', { name: context.name, reason: `${program} is not installed here; bootstrapping needs a Debian host` }, error);
  }
}

/** Errors come last; what apt merely warns of does not help. */
export function lastWords({ stderr, stdout }: Pick<ProgramResult, 'stderr' | 'stdout'>): string {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const errors = lines.filter((line) => line.startsWith('E:'));
  return (errors.length > 0 ? errors : lines).slice(-3).join('; ');
}

/** Downloads a package file into an empty directory and answers its path. Package lists are refreshed where they lack it. */
export async function downloadPackage(context: BootstrapContext, name: string, directory: string): Promise<string> {
  // The unprivileged user of apt's sandbox may not write to our directory.
  const parameters = ['-o', 'APT::Sandbox::User=root', 'download', name];
  const download = async (): Promise<ProgramResult> => await tryTool(context, 'apt-get', parameters, { workingDirectory: directory });
  let result = await download();
  if (result.exitCode !== 0) {
    context.say('Refreshing package lists');
    await runTool(context, 'apt-get', ['update', '-q']);
    result = await download();
  }
  const file = (await readdir(directory)).find((entry) => entry.endsWith('.deb'));
  if (result.exitCode !== 0 || file === undefined) throw fail('image.bootstrap_failed', { name: context.name, reason: `apt-get download ${name}: ${lastWords(result)}` });
  return join(directory, file);
}

/** Makes sure a program is there, installing its package and saying so. */
export async function ensureProgram(context: BootstrapContext, program: string, packageName: string): Promise<void> {
  try {
    await runProgram(program, ['--version'], { signal: context.signal });
    return;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  context.say(`Installing ${packageName}, which makes the file system`);
  const parameters = ['install', '-q', '-y', '--no-install-recommends', packageName];
  const first = await tryTool(context, 'apt-get', parameters, {});
  if (first.exitCode === 0) return;
  context.say('Refreshing package lists');
  await runTool(context, 'apt-get', ['update', '-q']);
  await runTool(context, 'apt-get', parameters);
}

/** Where the host's apt gets Debian from. */
export interface Mirrors {
  readonly main: string;
  readonly security: string | undefined;
}

/** @throws image.bootstrap_failed when apt is not configured for Debian */
export async function debianMirrors(context: BootstrapContext): Promise<Mirrors> {
  const { stdout } = await runTool(context, 'apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)', 'Created-By: Packages']);
  const targets = stdout.split('\n').flatMap((line) => {
    const [uri, release] = line.trim().split(' ');
    return uri === undefined || release === undefined ? [] : [{ uri: uri.replace(/\/+$/, ''), release }];
  });
  const security = targets.find(({ release, uri }) => release.endsWith('-security') && /\/debian-security$/.test(uri))?.uri;
  const main = targets.find(({ uri }) => /\/debian$/.test(uri))?.uri;
  if (main === undefined) throw fail('image.bootstrap_failed', { name: context.name, reason: "no Debian mirror is in apt's configuration; add one to /etc/apt/sources.list" });
  return { main, security };
}
