/** `POST /build?remote=…`: contexts behind an address of the web, which may be a Dockerfile alone, and in Git repositories. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { parseGitAddress } from '#build/git-address.ts';
import { compressionOf } from '#image/layer/compression.ts';
import { byteMessage } from '#image/progress/byte-progress.ts';
import { beginsTar } from '#oci/tar/tar-start.ts';
import { HttpExchange, type Answer } from '#registry/http-exchange.ts';
import { fetchCommit } from '../solver/git-source.ts';
import { buildNode, type GitNode } from '../solver/build-node.ts';
import type { BuildOutput } from './build-output.ts';
import { refusedAnswer } from './refused-answer.ts';

export interface RemoteContext {
  readonly content: Readable;
  /** It is no archive but the Dockerfile. */
  readonly isDockerfile: boolean;
}

export interface RemoteContextOptions {
  /** Of this build's own. */
  readonly directory: string;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

const sessionRemote = 'client-session';
/** As Docker's builder takes them. */
const acceptable = /application\/(?:(?:x-)?tar|octet-stream|(?:x-)?(?:gzip|bzip2?|xz))|text\/plain/;

/** @throws build.remote_failed, build.remote_missing with Docker's texts */
export async function openRemote(address: string, options: RemoteContextOptions): Promise<RemoteContext> {
  if (address === sessionRemote) throw fail('build.invalid_option', { message: 'experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead' });
  const node = gitNode(address);
  if (node !== undefined) return { content: await fromRepository(node, options), isDockerfile: false };
  if (!/^https?:\/\//.test(address)) throw fail('build.remote_failed', { message: `remoteURL (${address}) could not be recognized as URL` });
  return await fromWeb(address, options);
}

function gitNode(address: string): GitNode | undefined {
  try {
    const git = parseGitAddress(address);
    if (git === undefined) return undefined;
    const { remote, ref, directory, checksum, submodules } = git;
    const node = buildNode({ kind: 'git', name: '', inputs: [], remote, ref, directory, checksum, submodules, keepDirectory: false });
    return node.kind === 'git' ? node : undefined;
  } catch (error) {
    throw fail('build.remote_failed', { message: messageOf(error) }, error);
  }
}

async function fromRepository(node: GitNode, { directory, signal }: RemoteContextOptions): Promise<Readable> {
  try {
    return await fetchCommit(node, { directory, session: undefined, signal });
  } catch (error) {
    if (!isFailure(error, 'build.solve_failed')) throw error;
    throw fail('build.remote_failed', { message: error.message.replace(/^failed to load cache key: /, '') }, error);
  }
}

async function fromWeb(address: string, { directory, output, signal }: RemoteContextOptions): Promise<RemoteContext> {
  using http = new HttpExchange({ insecure: false }, 'Go-http-client/1.1');
  const answer = await request(http, address, signal);
  const path = join(directory, 'remote');
  let current = 0;
  await pipeline(
    answer.body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        current += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o600 }),
    { signal },
  );
  const type = await contentType(path, answer, address);
  await output.message(byteMessage({ id: 'Downloading context', status: address, current, total: 0 }));
  await output.message({});
  return { content: createReadStream(path), isDockerfile: type === 'text/plain' };
}

async function request(http: HttpExchange, address: string, signal: AbortSignal): Promise<Answer> {
  const context = `error downloading remote context ${address}`;
  let answer: Answer;
  try {
    answer = await http.send(new URL(address), { signal, verb: 'Get' });
  } catch (error) {
    if (!isFailure(error, 'registry.unreachable') && !isFailure(error, 'registry.unexpected_answer')) throw error;
    throw fail('build.remote_failed', { message: `${context}: ${messageOf(error)}` }, error);
  }
  if (answer.status < 400) return answer;
  throw fail(answer.status === 404 ? 'build.remote_missing' : 'build.remote_failed', { message: `${context}: ${await refusedAnswer(address, answer)}` });
}

/** The kind the server names, or what the first bytes show where it names none. @throws build.remote_failed */
async function contentType(path: string, { headers }: Answer, address: string): Promise<string> {
  const context = `error detecting content type for remote ${address}`;
  await using file = await open(path, 'r');
  const start = Buffer.alloc(1024);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  if (bytesRead === 0) throw fail('build.remote_failed', { message: `${context}: empty response` });
  const given = headers['content-type'] ?? '';
  const shown = given === '' || given === 'application/octet-stream' ? detected(start.subarray(0, bytesRead)) : given;
  const type = acceptable.exec(shown)?.[0];
  if (type === undefined) throw fail('build.remote_failed', { message: `${context}: unsupported Content-Type ${JSON.stringify(given)}` });
  return type;
}

/** Text has no control characters but the usual ones. */
function detected(start: Buffer): string {
  if (compressionOf(start) !== 'none' || beginsTar(start)) return 'application/x-tar';
  return start.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) ? 'application/octet-stream' : 'text/plain';
}
