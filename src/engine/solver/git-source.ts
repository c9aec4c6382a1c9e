/** Commits of Git repositories, fetched by the system's `git`. Answers an archive of the commit's files. */
import { createReadStream } from 'node:fs';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { withoutPassword } from '#build/git-address.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { resolveInRoot } from '#kernel/resolve-in-root.ts';
import { runProgram } from '#kernel/run-program.ts';
import type { GitNode } from './build-node.ts';
import { AgentSocket } from './agent-socket.ts';
import type { BuildSession } from './build-session.ts';

export interface GitSourceOptions {
  /** Of this source's own. */
  readonly directory: string;
  /** Whose secrets `GIT_AUTH_TOKEN` and `GIT_AUTH_HEADER` and whose agent open repositories; undefined: nobody's. */
  readonly session: BuildSession | undefined;
  readonly signal: AbortSignal;
}

type Git = (...words: string[]) => Promise<string>;

const commitPattern = /^[0-9a-f]{40}$/;
/** What of the daemon's own environment decides how git reaches others. */
const passedOn = ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO'];

/** @throws build.solve_failed with BuildKit's text */
export async function fetchCommit(node: GitNode, options: GitSourceOptions): Promise<Readable> {
  await using opened = new AsyncDisposableStack();
  const { directory, signal } = options;
  const environment = await environmentOf(node.remote, { ...options, opened });
  const git: Git = async (...words) => {
    let result;
    try {
      result = await runProgram('git', words, { workingDirectory: directory, environment, signal });
    } catch (error) {
      if (failedWith(error, 'ENOENT')) throw fail('build.solve_failed', { message: 'git stderr:\n: exec: "git": executable file not found in $PATH' }, error);
      throw error;
    }
    if (result.exitCode !== 0) throw fail('build.solve_failed', { message: `git stderr:\n${result.stderr}: exit status ${result.exitCode}` });
    return result.stdout;
  };
  const shown = withoutPassword(node.remote);
  const { ref, commit } = await asCacheKey(async () => await resolve(node, git));
  if (node.checksum !== '' && !commit.startsWith(node.checksum)) throw fail('build.solve_failed', { message: `expected checksum to match ${node.checksum}, got ${commit}` });
  await git('init', '--quiet', '--initial-branch=master', 'checkout');
  const inCheckout: Git = async (...words) => await git('-C', 'checkout', ...words);
  await wrapped(`failed to fetch remote ${shown}`, async () => await fetchInto(inCheckout, node.remote, { ref, commit }));
  await wrapped(`failed to checkout remote ${shown}`, async () => await inCheckout('checkout', '--quiet', '--detach', commit));
  if (node.submodules) await wrapped(`failed to update submodules for ${shown}`, async () => await inCheckout('submodule', 'update', '--init', '--recursive', '--depth=1'));
  await inCheckout('remote', 'set-url', 'origin', shown);
  return await archiveOf(node, { directory, signal });
}

/** Which commit is meant. */
async function resolve({ remote, ref }: GitNode, git: Git): Promise<{ ref: string; commit: string }> {
  if (commitPattern.test(ref)) return { ref, commit: ref };
  const shown = withoutPassword(remote);
  const asked = ref === '' ? await defaultBranch(remote, git) : ref;
  const told = await wrapped(`failed to fetch remote ${shown}`, async () => await git('ls-remote', '--', remote, asked, `${asked}^{}`));
  const found = told.split('\n').flatMap((line) => {
    const [commit = '', name = ''] = line.split('\t');
    return commitPattern.test(commit) ? [{ commit, name }] : [];
  });
  // A tag with a message of its own leads to a commit, told as `name^{}`.
  const exact = [`refs/heads/${asked}`, `refs/tags/${asked}`, asked].map((name) => found.find((one) => one.name === name)).find((one) => one !== undefined) ?? found[0];
  if (exact === undefined) throw fail('build.solve_failed', { message: `repository does not contain ref ${asked}, output: ${JSON.stringify(told)}` });
  const peeled = found.find(({ name }) => name === `${exact.name}^{}`);
  return { ref: exact.name, commit: (peeled ?? exact).commit };
}

async function defaultBranch(remote: string, git: Git): Promise<string> {
  const shown = withoutPassword(remote);
  const told = await wrapped(`error fetching default branch for repository ${shown}`, async () => await git('ls-remote', '--symref', '--', remote, 'HEAD'));
  const branch = /^ref: (refs\/heads\/\S+)/m.exec(told)?.[1];
  if (branch === undefined) throw fail('build.solve_failed', { message: `could not find default branch for repository: ${shown}` });
  return branch;
}

async function fetchInto(git: Git, remote: string, { ref, commit }: { ref: string; commit: string }): Promise<void> {
  await git('remote', 'add', 'origin', '--', remote);
  if (!commitPattern.test(ref)) {
    await git('fetch', '--quiet', '--depth=1', '--no-tags', 'origin', '--', `+${ref}:${ref.startsWith('refs/heads/') ? ref.replace('refs/heads/', 'refs/remotes/origin/') : ref}`);
    return;
  }
  try {
    await git('fetch', '--quiet', '--depth=1', '--no-tags', 'origin', '--', commit);
  } catch (error) {
    // Not every server gives commits by their names: then all branches and tags are looked through.
    await git('fetch', '--quiet', '--tags', 'origin').catch((reason: unknown) => {
      throw new AggregateError([error, reason], 'neither the commit nor the branches can be fetched', { cause: reason });
    });
  }
}

async function archiveOf({ directory: below, keepDirectory }: GitNode, { directory, signal }: Pick<GitSourceOptions, 'directory' | 'signal'>): Promise<Readable> {
  const checkout = join(directory, 'checkout');
  // Links of the repository must not lead out of it.
  const root = resolveInRoot(checkout, posix.join('/', below));
  const path = join(directory, 'checkout.tar');
  const isWhole = posix.join('/', below) === '/';
  const excluded = keepDirectory && isWhole ? [] : ['--exclude=./.git'];
  const words = ['-C', root ?? join(checkout, 'absent'), '--owner=0', '--group=0', '--numeric-owner', ...excluded, '-cf', path, '.'];
  const { exitCode } = root === undefined ? { exitCode: 1 } : await runProgram('tar', words, { signal });
  if (exitCode !== 0) throw fail('build.solve_failed', { message: `failed to open subdir ${posix.normalize(below)}: no such file or directory` });
  return createReadStream(path);
}

/** What git is run with: nothing asks questions, secrets stand in no argument. */
async function environmentOf(remote: string, { session, signal, directory, opened }: GitSourceOptions & { opened: AsyncDisposableStack }): Promise<Record<string, string>> {
  const own = Object.fromEntries(passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? '']])));
  const settings: [string, string][] = [['protocol.file.allow', 'never'], ['protocol.ext.allow', 'never'], ['advice.detachedHead', 'false']];
  const header = /^https?:/i.test(remote) ? await authorizationOf(new URL(remote), session, signal) : undefined;
  if (header !== undefined) settings.push([`http.${scopeOf(remote)}.extraheader`, `Authorization: ${header}`]);
  const environment: Record<string, string> = {
    ...own, HOME: directory, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C', GIT_SSH_COMMAND: 'ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR',
    GIT_CONFIG_COUNT: String(settings.length),
  };
  for (const [index, [name, value]] of settings.entries()) {
    environment[`GIT_CONFIG_KEY_${index}`] = name;
    environment[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  if (!/^(?:https?|git):/i.test(remote) && session !== undefined) {
    if (!(await session.hasAgent('default', signal))) throw fail('build.solve_failed', { message: 'failed to load cache key: no SSH key "default" forwarded from the client' });
    const socket = opened.use(await AgentSocket.open({ session, id: 'default', path: join(directory, 'agent'), signal }));
    environment['SSH_AUTH_SOCK'] = socket.path;
  }
  return environment;
}

/** By the secrets of the host, then by those of all. */
async function authorizationOf({ host }: URL, session: BuildSession | undefined, signal: AbortSignal): Promise<string | undefined> {
  for (const suffix of [`.${host}`, '']) {
    const header = await session?.secret(`GIT_AUTH_HEADER${suffix}`, signal);
    if (header !== undefined) return header.toString('utf8').trim();
    const token = await session?.secret(`GIT_AUTH_TOKEN${suffix}`, signal);
    if (token !== undefined) return `basic ${Buffer.from(`x-access-token:${token.toString('utf8').trim()}`).toString('base64')}`;
  }
  return undefined;
}

/** Where the authorization goes: submodules of GitHub mostly are there, too. */
function scopeOf(remote: string): string {
  return /^https:\/\/(?:www\.)?github\.com\//.exec(remote)?.[0] ?? remote;
}

async function asCacheKey<T>(work: () => Promise<T>): Promise<T> {
  return await wrapped('failed to load cache key', work);
}

async function wrapped<T>(context: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof AggregateError ? error.cause : error;
    if (!(reason instanceof Error) || !('code' in reason) || reason.code !== 'build.solve_failed') throw error;
    throw fail('build.solve_failed', { message: `${context}: ${reason.message}` }, error);
  }
}
