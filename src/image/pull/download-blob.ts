/**
 * Brings one blob into the content store: goes on where an earlier attempt, process or pull left off, changes
 * to the next endpoint when one fails, and lets only the promised bytes in.
 */
import { EngineError, fail, isFailure } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { limitSilence } from '#registry/limit-silence.ts';
import type { BlobWriter, ContentStore } from '#store/content/contract.ts';
import { byteProgress } from '../progress/byte-progress.ts';
import type { Report } from '../progress/progress-stream.ts';
import { isPassing, waitForNext, type RetryRule } from './patience.ts';
import type { PullSource } from './pull-source.ts';

export interface BlobDownload {
  readonly source: PullSource;
  readonly content: ContentStore;
  readonly blob: Descriptor;
  /** As a failed verification names it. */
  readonly what: string;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly retry: RetryRule;
}

/** So much more of a blob makes an attempt a success: a line that breaks again and again comes to an end, too. */
const progressThatCounts = 1024 * 1024;

/** @throws registry.verification_failed, registry.blob_unknown, registry.refused, registry.unreachable, content.disk_full */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  const { blob, report, signal } = download;
  const id = shortIdentifier(blob.digest);
  const place = { current: 0 };
  for (let foreign = true; ; ) {
    const count = byteProgress(report, { id, status: 'Downloading', total: blob.size });
    await using writer = await openWriter(download, count);
    if (writer === undefined) break;
    foreign &&= writer.resumed;
    await fill(download, writer, { place, count });
    report({ status: 'Verifying Checksum', progressDetail: {}, id });
    try {
      await writer.commit();
      break;
    } catch (error) {
      if (!isFailure(error, 'content.digest_mismatch') && !isFailure(error, 'content.wrong_size')) throw error;
      signal.throwIfAborted();
      // What a former process left may be damaged; another endpoint may have the right bytes.
      if (foreign) foreign = false;
      else if (download.source.hasNext(place.current)) place.current++;
      else throw wrongContents(download);
    }
  }
  report({ status: 'Download complete', progressDetail: {}, id });
}

/** Waits for whoever writes it now, telling how far that one is. */
async function openWriter({ content, blob, signal }: BlobDownload, count: (size: number) => void): Promise<BlobWriter | undefined> {
  using _watching = content.isBusy(blob.digest) ? content.watch(blob.digest, count) : undefined;
  return await content.write(blob.digest, { size: blob.size, signal });
}

async function fill(download: BlobDownload, writer: BlobWriter, state: { place: { current: number }; count: (size: number) => void }): Promise<void> {
  const { source, blob, report, signal, retry } = download;
  for (let attempt = 1; writer.offset < blob.size || blob.size === 0; attempt++) {
    const before = writer.offset;
    try {
      return await append(download, writer, state);
    } catch (error) {
      signal.throwIfAborted();
      if (isFailure(error, 'registry.verification_failed')) await writer.restart();
      if (isFailure(error, 'content.disk_full')) throw error;
      if (source.hasNext(state.place.current) && mayComeFromElsewhere(error)) {
        state.place.current++;
        attempt = 0;
        continue;
      }
      if (writer.offset - before >= progressThatCounts) attempt = 1;
      if (attempt >= retry.attempts || !isPassing(error)) throw error;
      const id = shortIdentifier(blob.digest);
      await waitForNext({
        error,
        attempt,
        signal,
        unit: retry.unit,
        onSecond: (left, opens) => report({ status: `Retrying in ${left} second${left === 1 ? '' : 's'}${opens === undefined ? '' : ` (the registry takes requests again at ${opens})`}`, progressDetail: {}, id }),
      });
    }
  }
}

/** One request's worth of bytes; ends when the blob is complete. */
async function append(download: BlobDownload, writer: BlobWriter, { place, count }: { place: { current: number }; count: (size: number) => void }): Promise<void> {
  const { source, blob, signal } = download;
  const { body, offset } = await source.blob(place.current, blob.digest, { offset: writer.offset, signal });
  // The registry cannot resume: the same bytes come again.
  if (offset !== writer.offset) await writer.restart();
  for await (const bytes of limitSilence(body)) {
    if (writer.offset + bytes.length > blob.size) throw wrongContents(download);
    await writer.give(bytes);
    count(writer.offset);
  }
  if (writer.offset < blob.size) throw fail('registry.unreachable', { message: 'unexpected EOF' });
}

/** Another endpoint is asked whatever the fault of this one is, unless it is ours. */
function mayComeFromElsewhere(error: unknown): boolean {
  return !(error instanceof EngineError) || error.code.startsWith('registry.');
}

function wrongContents({ what, blob }: BlobDownload): EngineError {
  return fail('registry.verification_failed', { what, digest: blob.digest });
}
