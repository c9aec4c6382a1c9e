/** Where blobs and partial blobs lie below the data root, in the arrangement of an OCI image layout's `blobs`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { digestAlgorithm, encodedPart, isDigest } from '#oci/digest.ts';
import { fail } from '#base/errors/failure.ts';

const sessionName = /^[A-Za-z0-9_-]{1,128}$/;
const sessionPrefix = 'session.';

export class ContentPaths {
  readonly blobs: string;
  /** What is being written. */
  readonly ingest: string;

  /** Makes the directories. */
  constructor(dataRoot: string) {
    this.blobs = join(dataRoot, 'content/blobs');
    this.ingest = join(dataRoot, 'content/ingest');
    for (const directory of [this.blobs, this.ingest]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** @throws content.not_found for what is no digest, so that no other text becomes a path */
  blob(digest: string): string {
    if (!isDigest(digest)) throw fail('content.not_found', { digest });
    return join(this.blobs, digestAlgorithm(digest), encodedPart(digest));
  }

  partial(digest: string): string {
    return join(this.ingest, digest.replace(':', '.'));
  }

  session(session: string): string {
    if (!sessionName.test(session)) throw new Error(`bug: upload session ${JSON.stringify(session)}`);
    return join(this.ingest, `${sessionPrefix}${session}`);
  }
}

/** What a file below `ingest` is; undefined: nobody can go on with it. */
export function partialTarget(fileName: string): { digest: string } | { session: string } | undefined {
  if (fileName.startsWith(sessionPrefix)) return { session: fileName.slice(sessionPrefix.length) };
  const digest = fileName.replace('.', ':');
  return isDigest(digest) ? { digest } : undefined;
}
