/** Blobs: GET and HEAD with ranges, DELETE (OCI distribution-spec 1.1, end-2, end-10). */
import type { FileHandle } from 'node:fs/promises';
import { readRange } from './byte-range.ts';
import type { Exchange } from './exchange.ts';
import { Refusal } from './refusal.ts';
import { sendFile, type Readiness } from './send-file.ts';
import type { Services } from './services.ts';

/** Bytes below which a blob is always read through the page cache. */
const smallestPassing = 512 * 1024;

export interface BlobTarget {
  readonly repository: string;
  readonly digest: string;
}

/** A blob that can be sent, perhaps while it still arrives. */
export interface BlobSource extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly size: number;
  readonly ready?: Readiness;
}

export async function getBlob(exchange: Exchange, services: Services, target: BlobTarget): Promise<void> {
  const { digest } = target;
  if (exchange.isHead) {
    const size = services.content.blobSize(target.repository, digest) ?? (await services.upstreams?.blobSize(target));
    if (size === undefined) throw unknownBlob(digest);
    exchange.response.writeHead(200, { ...headersOf(digest), 'Content-Length': size }).end();
    return;
  }
  using reading = services.demand.read(digest);
  const isPassing = !reading.isWanted && exchange.header('range') === undefined;
  await using source = await openSource(services, target, isPassing);
  if (source === undefined) throw unknownBlob(digest);
  if (exchange.replyIfUnchanged(digest)) return;
  const range = readRange(exchange.header('range'), source.size);
  if (range === 'unsatisfiable') throw new Refusal('SIZE_INVALID', { status: 416, message: `the range is beyond the blob's ${source.size} bytes`, headers: { 'Content-Range': `bytes */${source.size}` } });
  const { start, length } = range ?? { start: 0, length: source.size };
  const headers = { ...headersOf(digest), 'Content-Length': length };
  if (range === undefined) exchange.response.writeHead(200, headers);
  else exchange.response.writeHead(206, { ...headers, 'Content-Range': `bytes ${start}-${start + length - 1}/${source.size}` });
  await sendFile(exchange.response, source.handle, { start, length, ...(source.ready === undefined ? {} : { ready: source.ready }) });
}

export function deleteBlob(exchange: Exchange, services: Services, { repository, digest }: BlobTarget): void {
  if (!services.content.unlink(repository, digest)) throw unknownBlob(digest);
  exchange.reply(202, { 'Docker-Content-Digest': digest });
}

/** `isPassing`: from its first byte, for one client alone. */
async function openSource(services: Services, target: BlobTarget, isPassing: boolean): Promise<BlobSource | undefined> {
  const size = services.content.blobSize(target.repository, target.digest);
  if (size !== undefined) {
    const handle = await services.files.openBlob(target.digest, { direct: isPassing && size >= smallestPassing });
    if (handle !== undefined) return { handle, size, [Symbol.asyncDispose]: async () => await handle.close() };
    services.warn(`the file of the blob ${target.digest} has been lost: it has to be pushed again`);
    services.content.forgetBlob(target.digest);
  }
  return await services.upstreams?.openBlob(target);
}

function headersOf(digest: string): Record<string, string> {
  return {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'max-age=31536000',
  };
}

function unknownBlob(digest: string): Refusal {
  return new Refusal('BLOB_UNKNOWN', { detail: { digest } });
}
