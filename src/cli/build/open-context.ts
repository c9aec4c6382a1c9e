/** Where a build's files come from: a directory, an archive or a Dockerfile on standard input. */
import { randomBytes } from 'node:crypto';
import { lstatSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { HttpExchange } from '#registry/http-exchange.ts';
import { cloneContext } from './git-clone.ts';
import { errnoText } from '#cli/errno-text.ts';
import { contextArchive, fileArchive } from './context-archive.ts';

export interface OpenedContext {
  /** A tar archive, maybe compressed. */
  readonly archive: AsyncIterable<Uint8Array>;
  /** Path of the Dockerfile in it. */
  readonly dockerfile: string;
}

export interface ContextPlaces {
  readonly stdin: () => AsyncIterable<Buffer>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What is fetched stays until this is disposed. */
  readonly opened: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

const defaultName = 'Dockerfile';
const blockSize = 512;

/** @param source a directory or `-`; @param file as `--file` gives it. @throws CommandFailure with Docker's texts */
export async function openContext(source: string, file: string, { stdin, environment, opened, signal }: ContextPlaces): Promise<OpenedContext> {
  if (source === '-' && file === '-') throw new CommandFailure('invalid argument: can\'t use stdin for both build context and dockerfile');
  if (source === '-') return await fromStream(stdin(), file);
  if (/^(?:git:\/\/|git@|ssh:\/\/|github\.com\/)/.test(source) || /^https?:\/\/.*\.git(?:#|$)/.test(source)) {
    const cloned = opened.use(await cloneContext(source, environment));
    return await fromDirectory(cloned.path, file === '' || file === '-' ? file : join(cloned.path, file), stdin);
  }
  if (/^https?:\/\//.test(source)) return await fromStream(await download(source, { opened, signal }), file);
  return await fromDirectory(source, file, stdin);
}

/** @throws CommandFailure with Docker's text */
async function download(address: string, { opened, signal }: Pick<ContextPlaces, 'opened' | 'signal'>): Promise<AsyncIterable<Buffer>> {
  const failure = (reason: string, cause?: unknown): CommandFailure => new CommandFailure(`unable to prepare context: unable to download remote context ${address}: ${reason}`, 1, cause);
  const exchange = opened.use(new HttpExchange({ insecure: false }, 'Docker-Client'));
  try {
    const answer = await exchange.send(new URL(address), { signal, verb: 'Get' });
    if (answer.status < 400) return answer.body as AsyncIterable<Buffer>;
    answer.body.destroy();
    throw failure(`failed to GET ${address} with status ${answer.status} ${answer.statusText}`);
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw failure(error instanceof Error ? error.message : String(error), error);
  }
}

async function fromStream(input: AsyncIterable<Buffer>, file: string): Promise<OpenedContext> {
  const iterator = input[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let length = 0;
  let ended = false;
  while (length < 2 * blockSize && !ended) {
    const step = await iterator.next();
    if (step.done === true) ended = true;
    else {
      parts.push(step.value);
      length += step.value.length;
    }
  }
  const start = Buffer.concat(parts);
  const rest = async function* (): AsyncGenerator<Buffer, void> {
    if (start.length > 0) yield start;
    for (let step = ended ? undefined : await iterator.next(); step !== undefined && step.done !== true; step = await iterator.next()) yield step.value;
  };
  if (isArchive(start)) return { archive: rest(), dockerfile: file };
  if (file !== '') throw new CommandFailure('unable to prepare context: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles');
  const chunks: Buffer[] = [];
  for await (const chunk of rest()) chunks.push(chunk);
  return { archive: (async function* () {
      yield* fileArchive(new Map([[defaultName, Buffer.concat(chunks)]]));
    })(), dockerfile: '' };
}

/** By the first bytes: a compressed file or a tar header. */
function isArchive(start: Buffer): boolean {
  const magics = [[0x1f, 0x8b, 0x08], [0x42, 0x5a, 0x68], [0xfd, 0x37, 0x7a, 0x58, 0x5a], [0x28, 0xb5, 0x2f, 0xfd]];
  return magics.some((magic) => magic.every((byte, index) => start[index] === byte)) || start.toString('latin1', 257, 262) === 'ustar' || hasChecksum(start.subarray(0, blockSize));
}

/** Of archives older than `ustar`. */
function hasChecksum(block: Buffer): boolean {
  if (block.length < blockSize) return false;
  const told = Number.parseInt(block.toString('latin1', 148, 156).replaceAll('\0', ' ').trim(), 8);
  return told === block.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
}

async function fromDirectory(source: string, file: string, stdin: () => AsyncIterable<Buffer>): Promise<OpenedContext> {
  const failure = (message: string): CommandFailure => new CommandFailure(`unable to prepare context: ${message}`);
  const status = statSync(source, { throwIfNoEntry: false });
  if (status === undefined) throw failure(`path ${JSON.stringify(source)} not found`);
  if (!status.isDirectory()) throw failure(`context must be a directory: ${resolve(source)}`);
  const root = realpathSync(source);
  const patterns = readIgnored(root);
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin()) chunks.push(chunk);
    const name = `.dockerfile.${randomBytes(10).toString('hex')}`;
    const ignoring = ignoreText(root);
    const added = new Map<string, Uint8Array>([[name, Buffer.concat(chunks)], ['.dockerignore', Buffer.from(`${ignoring === undefined ? '' : `${ignoring}\n`}.dockerignore\n${name}\n`)]]);
    return { archive: contextArchive(root, { ignored: patterns, always: new Set(), added }), dockerfile: name };
  }
  const path = dockerfilePath(root, file);
  let real: string;
  try {
    real = realpathSync(path);
    lstatSync(real);
  } catch (error) {
    throw failure(`unable to evaluate symlinks in Dockerfile path: lstat ${path}: ${errnoText(error)}`);
  }
  const inside = relative(root, path);
  if (inside.startsWith('..') || isAbsolute(inside)) {
    const name = `.dockerfile.${randomBytes(10).toString('hex')}`;
    const added = new Map<string, Uint8Array>([[name, readFileSync(real)]]);
    return { archive: contextArchive(root, { ignored: patterns, always: new Set(['.dockerignore']), added }), dockerfile: name };
  }
  return { archive: contextArchive(root, { ignored: patterns, always: new Set(['.dockerignore', inside]), added: new Map() }), dockerfile: inside };
}

/** Without `--file` the one in the context, in small letters too; with it, as it lies from here. */
function dockerfilePath(root: string, file: string): string {
  if (file !== '') return resolve(file);
  const path = join(root, defaultName);
  const small = join(root, defaultName.toLowerCase());
  return statSync(path, { throwIfNoEntry: false }) === undefined && statSync(small, { throwIfNoEntry: false }) !== undefined ? small : path;
}

function ignoreText(root: string): string | undefined {
  try {
    return readFileSync(join(root, '.dockerignore'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function readIgnored(root: string): IgnorePatterns {
  try {
    return IgnorePatterns.parse(ignoreText(root) ?? '');
  } catch (error) {
    throw new CommandFailure(`error checking context: ${error instanceof Error ? error.message : String(error)}`, 1, error);
  }
}
