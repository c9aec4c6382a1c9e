/** Downloads one layer: as a verified stream, or to a file with attempts that go on where the last one ended. */
import { createHash, type Hash } from 'node:crypto';
import { open, truncate } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError, fail } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { digestAlgorithm, encodedPart } from '#oci/digest.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { limitSilence } from '#registry/limit-silence.ts';
import type { Repository } from '#registry/repository.ts';
import { asDiskFull } from '../image-catalog.ts';
import { byteProgress } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';

export interface LayerDownload {
  readonly repository: Repository;
  readonly layer: Descriptor;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Milliseconds that count as a second between attempts. */
  readonly retryUnit: number;
}

const mostAttempts = 5;

/** The layer's bytes; the stream fails instead of ending when they are not what the digest says. One attempt. */
export async function streamLayer(download: LayerDownload): Promise<Readable> {
  const { repository, layer, signal } = download;
  const { body } = await repository.blob(layer.digest, { signal });
  return Readable.from(verified(body, download, { hash: createHash(digestAlgorithm(layer.digest)), offset: 0 }), { objectMode: false });
}

/** Downloads to `path`. @throws registry.verification_failed, registry.blob_unknown, registry.refused, registry.unreachable, image.disk_full */
export async function downloadLayer(download: LayerDownload, path: string): Promise<void> {
  let hash = createHash(digestAlgorithm(download.layer.digest));
  let offset = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      const blob = await download.repository.blob(download.layer.digest, { offset, signal: download.signal });
      if (blob.offset !== offset) {
        hash = createHash(digestAlgorithm(download.layer.digest));
        offset = 0;
        await truncate(path, 0);
      }
      await using file = await open(path, 'a', 0o600);
      for await (const chunk of verified(blob.body, download, { hash, offset })) {
        await file.write(chunk);
        offset += chunk.length;
      }
      return;
    } catch (error) {
      download.signal.throwIfAborted();
      if (attempt >= mostAttempts || !isPassing(error)) throw asDiskFull(error, path);
      await waitAloud(download, attempt * 5);
    }
  }
}

/** Passes the bytes on, counting and hashing; nothing more than the promised size is taken. */
async function* verified(body: Readable, download: LayerDownload, state: { hash: Hash; offset: number }): AsyncGenerator<Buffer> {
  const { layer, report } = download;
  const id = shortIdentifier(layer.digest);
  const count = byteProgress(report, { id, status: 'Downloading', total: layer.size });
  let size = state.offset;
  for await (const bytes of limitSilence(body)) {
    size += bytes.length;
    if (size > layer.size) throw wrongContents(layer);
    state.hash.update(bytes);
    count(size);
    yield bytes;
  }
  if (size < layer.size) throw fail('registry.unreachable', { message: 'unexpected EOF' });
  report({ status: 'Verifying Checksum', progressDetail: {}, id });
  if (state.hash.digest('hex') !== encodedPart(layer.digest)) throw wrongContents(layer);
  report({ status: 'Download complete', progressDetail: {}, id });
}

function wrongContents(layer: Descriptor): EngineError {
  return fail('registry.verification_failed', { what: 'filesystem layer', digest: layer.digest });
}

/** Whether another attempt may do better. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof EngineError)) return error instanceof Error && !('code' in error && error.code === 'ENOSPC');
  if (error.code === 'registry.unreachable' || error.code === 'registry.unexpected_answer') return true;
  return error.code === 'registry.refused' && !['UNAUTHORIZED', 'UNSUPPORTED', 'DENIED', 'TOOMANYREQUESTS', 'NAME_UNKNOWN', ''].includes(String(error.details['fault']));
}

async function waitAloud({ layer, report, signal, retryUnit }: LayerDownload, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    report({ status: `Retrying in ${left} second${left === 1 ? '' : 's'}`, progressDetail: {}, id: shortIdentifier(layer.digest) });
    await delay(retryUnit, undefined, { signal });
  }
}
