/** What is behind an address of the web: a file, or a context. Answers an archive of it. */
import { createReadStream, createWriteStream } from 'node:fs';
import { link, open, stat } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { compressionOf } from '#image/layer/compression.ts';
import { beginsTar } from '#oci/tar/tar-start.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { HttpExchange, type Answer } from '#registry/http-exchange.ts';
import { limitedContext } from '../build/limited-archive.ts';
import type { DownloadNode } from './build-node.ts';
import type { DownloadStore, KeptDownload } from './download-store.ts';

export interface FetchOptions {
  /** Of this source's own. */
  readonly directory: string;
  readonly downloads: DownloadStore;
  readonly signal: AbortSignal;
}

/** Name of a context's only file where it is no archive. */
export const contextFileName = 'context';
const userAgent = 'buildkit/v0.0-dev';

/** @throws build.solve_failed with BuildKit's text */
export async function fetchSource({ url, checksum, fileName, archive }: DownloadNode, options: FetchOptions): Promise<AsyncIterable<Uint8Array>> {
  const file = await download(url, options);
  const path = join(options.directory, 'download');
  await checkDigest(path, checksum);
  if (archive && (await isArchive(path))) return limitedContext(createReadStream(path), options);
  const { size } = await stat(path);
  const name = archive ? contextFileName : fileName === '' ? file.name : fileName;
  return writeTar([{ header: { name, type: 'file', mode: 0o600, size, modified: { seconds: file.modified, nanoseconds: 0 } }, body: createReadStream(path) }]);
}

/** Puts the file at `download` of the directory: the one of before where the server says that it is still the same. */
async function download(url: string, { directory, downloads, signal }: FetchOptions): Promise<KeptDownload> {
  const address = addressOf(url);
  const path = join(directory, 'download');
  const kept = downloads.get(url);
  using http = new HttpExchange({ insecure: false }, userAgent);
  let answer: Answer;
  try {
    answer = await http.send(address, { signal, verb: 'Get', headers: { Accept: '*/*', ...(kept === undefined ? {} : { 'If-None-Match': kept.entityTag }) } });
  } catch (error) {
    if (isFailure(error, 'registry.unreachable') || isFailure(error, 'registry.unexpected_answer')) throw fail('build.solve_failed', { message: `failed to load cache key: ${messageOf(error)}` }, error);
    throw error;
  }
  if (answer.status === 304 && kept !== undefined) {
    answer.body.resume();
    await link(kept.path, path);
    return kept;
  }
  if (answer.status < 200 || answer.status >= 400) {
    answer.body.destroy();
    throw fail('build.solve_failed', { message: `failed to load cache key: invalid response status ${answer.status}` });
  }
  await pipeline(answer.body, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  const moment = Date.parse(answer.headers['last-modified'] ?? '');
  const file = { entityTag: answer.headers.etag ?? '', name: nameOf(address, answer.headers['content-disposition']), modified: Number.isNaN(moment) ? 0 : Math.floor(moment / 1000), path };
  return await downloads.keep(url, file);
}

function addressOf(url: string): URL {
  const failure = (reason: string): Error => fail('build.solve_failed', { message: `failed to load cache key: Get ${JSON.stringify(url)}: ${reason}` });
  // Other than Go's, this platform's reader takes the first part of the path for a host that is not there.
  if (/^https?:\/\/(?:[/?#]|$)/i.test(url)) throw failure('http: no Host in request URL');
  if (!URL.canParse(url)) throw failure('invalid URL');
  return new URL(url);
}

async function checkDigest(path: string, checksum: string): Promise<void> {
  if (checksum === '') return;
  const algorithm = checksum.slice(0, checksum.indexOf(':'));
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  const actual = `${algorithm}:${hash.digest('hex')}`;
  if (actual !== checksum) throw fail('build.solve_failed', { message: `digest mismatch ${actual}: ${checksum}` });
}

async function isArchive(path: string): Promise<boolean> {
  await using file = await open(path, 'r');
  const start = Buffer.alloc(1024);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  const bytes = start.subarray(0, bytesRead);
  return compressionOf(bytes) !== 'none' || beginsTar(bytes);
}

/** As the server names it, else by the address. */
function nameOf({ pathname }: URL, disposition: string | undefined): string {
  const given = /;\s*filename="?([^";]*)"?/i.exec(disposition ?? '')?.[1] ?? '';
  const name = given === '' || given.endsWith('/') ? urlName(pathname) : posix.basename(given);
  return name === '' || name === '.' || name === '..' ? 'download' : name;
}

/** Last part of an address's path; empty: it has none. */
export function urlName(pathname: string): string {
  try {
    return posix.basename(decodeURIComponent(pathname));
  } catch {
    return posix.basename(pathname);
  }
}
