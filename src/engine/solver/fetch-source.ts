/** Files from elsewhere: what is behind an address, a commit of a Git repository. Answers an archive of them. */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail } from '#base/errors/failure.ts';
import { decompress } from '#image/layer/decompress.ts';
import { runProgram } from '#kernel/run-program.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { HttpExchange } from '#registry/http-exchange.ts';
import type { DownloadNode, GitNode } from './build-node.ts';

export interface FetchOptions {
  /** Of this source's own. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** @throws build.solve_failed with BuildKit's text */
export async function fetchSource(node: DownloadNode | GitNode, options: FetchOptions): Promise<AsyncIterable<Uint8Array>> {
  return node.kind === 'git' ? await fetchCommit(node, options) : await download(node, options);
}

async function download({ url, checksum, archive }: DownloadNode, { directory, signal }: FetchOptions): Promise<AsyncIterable<Uint8Array>> {
  using http = new HttpExchange({ insecure: false }, 'buildkit');
  const answer = await http.send(new URL(url), { signal, verb: 'Get' });
  if (answer.status < 200 || answer.status >= 400) {
    answer.body.destroy();
    throw fail('build.solve_failed', { message: `invalid response status ${answer.status}` });
  }
  const path = join(directory, 'download');
  const hash = createHash(checksum.startsWith('sha512:') ? 'sha512' : 'sha256');
  await pipeline(
    answer.body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o600 }),
    { signal },
  );
  const actual = `${checksum.startsWith('sha512:') ? 'sha512' : 'sha256'}:${hash.digest('hex')}`;
  if (checksum !== '' && actual !== checksum) throw fail('build.solve_failed', { message: `digest mismatch ${actual}: ${checksum}` });
  if (archive) return (await decompress(createReadStream(path), { signal })).chunks;
  const { size } = await stat(path);
  const moment = Date.parse(answer.headers['last-modified'] ?? '');
  const modified = { seconds: Number.isNaN(moment) ? 0 : Math.floor(moment / 1000), nanoseconds: 0 };
  return writeTar([{ header: { name: fileName(url, answer.headers['content-disposition']), type: 'file', mode: 0o600, size, modified }, body: createReadStream(path) }]);
}

function fileName(url: string, disposition: string | undefined): string {
  const given = /filename="?([^";]+)"?/.exec(disposition ?? '')?.[1];
  const name = posix.basename(given ?? decodeURIComponent(new URL(url).pathname));
  return name === '' || name === '/' || name === '.' || name === '..' ? '__unnamed__' : name;
}

const commitPattern = /^[0-9a-f]{40}$/;

async function fetchCommit({ remote, ref, directory: below, keepDirectory, checksum }: GitNode, { directory, signal }: FetchOptions): Promise<AsyncIterable<Uint8Array>> {
  const git = async (...words: string[]): Promise<string> => {
    signal.throwIfAborted();
    const { exitCode, stdout, stderr } = await runProgram('git', ['-C', directory, '-c', 'protocol.file.allow=never', ...words]);
    if (exitCode !== 0) throw fail('build.solve_failed', { message: `failed to fetch remote ${remote}: git stderr:\n${stderr}: exit status ${exitCode}` });
    return stdout;
  };
  const url = remote.startsWith('git@') || remote.includes('://') ? remote : `https://${remote}`;
  await git('init', '--quiet', '--initial-branch=main', 'checkout');
  const tree = ['--git-dir', 'checkout/.git', '--work-tree', 'checkout'];
  await git(...tree, 'fetch', '--quiet', ...(commitPattern.test(ref) ? [] : ['--depth=1']), '--', url, ref === '' ? 'HEAD' : ref);
  await git(...tree, 'checkout', '--quiet', '--detach', 'FETCH_HEAD');
  const commit = (await git(...tree, 'rev-parse', 'HEAD')).trim();
  if (checksum !== '' && !commit.startsWith(checksum)) throw fail('build.solve_failed', { message: `expected checksum to match ${checksum}, got ${commit}` });
  const path = posix.join('/', below).slice(1);
  const archivePath = join(directory, 'checkout.tar');
  const excluded = keepDirectory ? [] : ['--exclude=./.git'];
  const { exitCode, stderr } = await runProgram('tar', ['-C', join(directory, 'checkout', path), '--owner=0', '--group=0', ...excluded, '-cf', archivePath, '.']);
  if (exitCode !== 0) throw fail('build.solve_failed', { message: `subdir not found: ${JSON.stringify(below)}: ${stderr.trim()}` });
  // Small repositories need no stream of their own.
  const { size } = await stat(archivePath);
  return size < 1024 * 1024 ? Readable.from([await readFile(archivePath)]) : createReadStream(archivePath);
}
