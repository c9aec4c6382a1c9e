/** Sends blobs that are kept here: in one piece, or from where an upload broke off. */
import { isFailure } from '#base/errors/failure.ts';
import { beginUpload, type BlobUpload } from '#registry/blob-upload.ts';
import type { PushSession } from './push-session.ts';

/** Goes on with `upload`; undefined when that cannot be gone on with: another must be begun. @throws registry.refused, registry.unreachable … */
export async function sendKeptBlob(
  push: Pick<PushSession, 'parts' | 'signal'>,
  blob: { digest: string; size: number },
  options: { upload: BlobUpload; isResumed: boolean; onProgress: (bytes: number) => void },
): Promise<'done' | undefined> {
  const { parts, signal } = push;
  const { digest, size } = blob;
  const { upload, isResumed, onProgress } = options;
  const offset = isResumed ? await upload.received(signal) : 0;
  if (offset === undefined || offset > size) return undefined;
  const bytes = counted(parts.content.read(digest, { offset, signal }), offset, onProgress);
  if (offset === 0) await upload.finish(digest, signal, { bytes, length: size });
  else {
    try {
      if (offset < size) await upload.append({ bytes, length: size - offset }, offset, signal);
    } catch (error) {
      // What the registry has is not what it said.
      if (isFailure(error, 'registry.refused') && error.details['status'] === 416) return undefined;
      throw error;
    }
    await upload.finish(digest, signal);
  }
  return 'done';
}

/** Sends a document that a manifest names, unless the repository has it. @throws registry.refused, registry.unreachable … */
export async function pushDocument(push: PushSession, digest: string, bytes: Buffer): Promise<void> {
  const { repository, signal } = push;
  if ((await repository.blobSize(digest, signal)) !== undefined) return;
  const upload = await beginUpload(repository, { signal });
  await upload?.finish(digest, signal, { bytes: once(bytes), length: bytes.length });
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void> {
  yield bytes;
}

async function* counted(bytes: AsyncIterable<Buffer>, start: number, onProgress: (bytes: number) => void): AsyncGenerator<Buffer, void> {
  let sent = start;
  for await (const chunk of bytes) {
    yield chunk;
    sent += chunk.length;
    onProgress(sent);
  }
}
