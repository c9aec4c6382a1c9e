/** Manifests, indexes and configurations on their way here: from the content store where they are kept, else from the registry and then kept. */
import { createHash } from 'node:crypto';
import { fail, messageOf } from '#base/errors/failure.ts';
import { digestAlgorithm, encodedPart, isDigest } from '#oci/digest.ts';
import { largestConfiguration } from '#oci/image-configuration.ts';
import { largestDocument, type Descriptor } from '#oci/manifest.ts';
import { readAnswer } from '#registry/read-answer.ts';
import type { ContentStore } from '#store/content/contract.ts';
import type { BlobLease } from '../manifests/content-keeper.ts';
import type { Report } from '../progress/progress-stream.ts';
import { isBusy, isPassing, waitForNext, type RetryRule } from './patience.ts';
import type { PullSource } from './pull-source.ts';

export interface DocumentFetch {
  readonly source: PullSource;
  readonly content: ContentStore;
  readonly blobs: BlobLease;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retry: RetryRule;
}

export interface FetchedDocument {
  readonly bytes: Buffer;
  readonly digest: string;
  readonly contentType: string | undefined;
}

/** By tag or digest. @throws registry.refused, registry.verification_failed, registry.answer_too_large … */
export async function fetchManifest(fetch: DocumentFetch, reference: string): Promise<FetchedDocument> {
  const kept = isDigest(reference) ? await readKept(fetch, reference, largestDocument) : undefined;
  if (kept !== undefined) return { bytes: kept, digest: reference, contentType: undefined };
  for (let attempt = 1; ; attempt++) {
    try {
      const { bytes, digest, contentType } = await fetch.source.repository.manifest(reference, fetch.signal);
      fetch.blobs.hold(digest);
      await fetch.content.put(bytes, digest);
      return { bytes, digest, contentType };
    } catch (error) {
      fetch.signal.throwIfAborted();
      if (attempt >= fetch.retry.attempts || !isBusy(error)) throw error;
      await waitForNext({ error, attempt, signal: fetch.signal, unit: fetch.retry.unit, onSecond: tellOnce(fetch.report, messageOf(error)) });
    }
  }
}

/** A wait is told when it begins; there is no line of a layer to count down in. */
function tellOnce(report: Report, reason: string): (left: number, opens: string | undefined) => void {
  let told = false;
  return (left, opens) => {
    if (!told) report({ status: `${reason}: retrying in ${left} second${left === 1 ? '' : 's'}${opens === undefined ? '' : `, at ${opens}`}` });
    told = true;
  };
}

/** @throws image.pull_failed, image.digest_mismatch */
export async function fetchConfiguration(fetch: DocumentFetch, { digest }: Descriptor): Promise<Buffer> {
  const kept = await readKept(fetch, digest, largestConfiguration);
  if (kept !== undefined) return kept;
  for (let attempt = 1, place = 0; ; attempt++) {
    let bytes: Buffer;
    try {
      const { body } = await fetch.source.blob(place, digest, { signal: fetch.signal });
      bytes = await readAnswer(body, 'image configuration', largestConfiguration);
    } catch (error) {
      fetch.signal.throwIfAborted();
      if (fetch.source.hasNext(place)) {
        place++;
        continue;
      }
      if (attempt >= fetch.retry.attempts || !isPassing(error)) {
        throw fail('image.pull_failed', { message: `error pulling image configuration: download failed after attempts=${attempt}: ${messageOf(error)}` }, error);
      }
      await waitForNext({ error, attempt, signal: fetch.signal, unit: (fetch.retry.unit / 20) * 2 ** (attempt - 1), onSecond: () => undefined });
      continue;
    }
    if (!hasDigest(bytes, digest)) {
      if (fetch.source.hasNext(place)) {
        place++;
        continue;
      }
      throw fail('image.digest_mismatch', { message: `error pulling image configuration: image config verification failed for digest ${digest}` });
    }
    fetch.blobs.hold(digest);
    await fetch.content.put(bytes, digest);
    return bytes;
  }
}

/** Undefined when it is not here, or is not any more what its name says. */
async function readKept({ content, blobs }: DocumentFetch, digest: string, limit: number): Promise<Buffer | undefined> {
  const info = blobs.hold(digest) ? content.stat(digest) : undefined;
  if (info === undefined || info.size > limit) return undefined;
  const bytes = await content.readWhole(digest, limit);
  return hasDigest(bytes, digest) ? bytes : undefined;
}

function hasDigest(bytes: Buffer, digest: string): boolean {
  return createHash(digestAlgorithm(digest)).update(bytes).digest('hex') === encodedPart(digest);
}
