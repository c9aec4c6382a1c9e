/**
 * Online garbage collection: removes what nothing refers to, beside clients that push. A client that has seen a blob or
 * begun an upload has time to finish: whatever was made or asked for within the grace period stays. Every step is one
 * short transaction; between steps requests are served.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobFiles } from './blob-files.ts';
import type { Content } from './content.ts';
import type { Uploads } from './uploads.ts';

export interface GarbageOptions {
  /** What is younger stays, in milliseconds. */
  readonly grace: number;
  /** Uploads nobody has continued for so long are given up, in milliseconds. */
  readonly uploadLifetime: number;
  /** Also removes manifests that no tag, index or subject keeps. */
  readonly untagged: boolean;
  /** Manifests of these repositories (an upstream's copies) that nobody has asked for in so long, in milliseconds. */
  readonly unused?: { readonly isCopy: (repository: string) => boolean; readonly lifetime: number };
  readonly signal: AbortSignal;
}

export interface GarbageReport {
  readonly manifests: number;
  readonly blobs: number;
  /** Of the blobs. */
  readonly bytes: number;
  readonly uploads: number;
}

const batch = 200;

export async function collectGarbage(parts: { content: Content; files: BlobFiles; uploads: Uploads }, options: GarbageOptions): Promise<GarbageReport> {
  const { content, files, uploads } = parts;
  const { signal } = options;
  const expired = await uploads.expire(options.uploadLifetime);
  let manifests = 0;
  if (options.unused !== undefined) manifests += await removeUnused(content, options.unused, signal);
  if (options.untagged) manifests += await removeUntagged(content, options.grace, signal);
  await removeLinks(content, options.grace, signal);
  const { blobs, bytes } = await removeBlobs(content, files, options);
  await removeStrayFiles(content, files, signal);
  content.database.run('DELETE FROM repositories WHERE NOT EXISTS (SELECT 1 FROM manifests WHERE repository = id) AND NOT EXISTS (SELECT 1 FROM links WHERE repository = id) AND NOT EXISTS (SELECT 1 FROM uploads WHERE repository = id) AND NOT EXISTS (SELECT 1 FROM tags WHERE repository = id)');
  await files.emptyTrash();
  return { manifests, blobs, bytes, uploads: expired };
}

async function removeUnused(content: Content, { isCopy, lifetime }: { isCopy: (repository: string) => boolean; lifetime: number }, signal: AbortSignal): Promise<number> {
  const rows = content.database.all('SELECT r.name, m.digest FROM manifests m JOIN repositories r ON r.id = m.repository WHERE m.used < ?', Date.now() - lifetime);
  return await removeManifests(content, rows.filter((row) => isCopy(String(row['name']))), signal);
}

async function removeUntagged(content: Content, grace: number, signal: AbortSignal): Promise<number> {
  let removed = 0;
  // What an index kept may be free once the index is gone.
  for (;;) {
    const rows = content.database.all(
      `SELECT r.name, m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
       WHERE m.pushed < ?1 AND m.used < ?1
         AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
         AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.repository = m.repository AND p.digest = m.digest)
         AND NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject)
       LIMIT ${batch}`,
      Date.now() - grace,
    );
    if (rows.length === 0) return removed;
    removed += await removeManifests(content, rows, signal);
  }
}

async function removeManifests(content: Content, rows: readonly Readonly<Record<string, unknown>>[], signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (const row of rows) {
    signal.throwIfAborted();
    if (content.deleteManifest(String(row['name']), String(row['digest']))) removed++;
    await nextTurn();
  }
  return removed;
}

/** Blobs of a repository that none of its manifests refers to. */
async function removeLinks(content: Content, grace: number, signal: AbortSignal): Promise<void> {
  for (let changes = batch; changes === batch; ) {
    signal.throwIfAborted();
    changes = content.database.run(
      `DELETE FROM links WHERE (repository, digest) IN (
         SELECT l.repository, l.digest FROM links l
         WHERE l.touched < ? AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.repository = l.repository AND p.digest = l.digest) LIMIT ${batch})`,
      Date.now() - grace,
    );
    await nextTurn();
  }
}

/** Blobs of no repository. Their rows are gone for certain before their files are. */
async function removeBlobs(content: Content, files: BlobFiles, options: GarbageOptions): Promise<{ blobs: number; bytes: number }> {
  let [blobs, bytes] = [0, 0];
  for (;;) {
    options.signal.throwIfAborted();
    const rows = content.database.all(
      `DELETE FROM blobs WHERE digest IN (
         SELECT digest FROM blobs b WHERE b.created < ? AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = b.digest) LIMIT ${batch})
       RETURNING digest, size`,
      Date.now() - options.grace,
    );
    if (rows.length === 0) return { blobs, bytes };
    await content.database.sync();
    for (const row of rows) {
      const digest = String(row['digest']);
      // It may have been pushed again meanwhile, over the same file.
      if (content.storedSize(digest) !== undefined) continue;
      files.retire(digest);
      blobs++;
      bytes += Number(row['size']);
    }
  }
}

/** Files that a crash has left without a row. */
async function removeStrayFiles(content: Content, files: BlobFiles, signal: AbortSignal): Promise<void> {
  for await (const digest of files.digests()) {
    signal.throwIfAborted();
    if (content.storedSize(digest) === undefined) files.retire(digest);
  }
}
