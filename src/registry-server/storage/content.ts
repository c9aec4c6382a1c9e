/**
 * The registry's content by repository: which blobs and manifests it has, its tags and referrers. All questions and
 * changes are single transactions, so that none sees another half done. Files are `blob-files.ts`'s affair.
 */
import { Refusal } from '../http/refusal.ts';
import type { BlobFiles } from './blob-files.ts';
import type { ManifestDocument } from './manifest-document.ts';
import type { RegistryDatabase, Row } from './registry-database.ts';

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ReferrerDescriptor {
  readonly mediaType: string;
  readonly size: number;
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface NewManifest {
  readonly repository: string;
  readonly digest: string;
  readonly bytes: Buffer;
  readonly document: ManifestDocument;
  readonly tags: readonly string[];
  /** What of its parts must be here: nothing where an upstream registry answers for them. */
  readonly needs: 'everything' | 'blobs' | 'nothing';
}

/** Part of a list in byte order. */
export interface Page {
  readonly last?: string | undefined;
  readonly count?: number | undefined;
}

/** A blob that is used is kept by its link; how old a sign of use may grow before it is renewed, in milliseconds. */
const touchEvery = 10 * 60_000;

export class Content {
  readonly database: RegistryDatabase;
  readonly #files: BlobFiles;

  constructor(database: RegistryDatabase, files: BlobFiles) {
    this.database = database;
    this.#files = files;
  }

  repositoryId(name: string): number | undefined {
    return numberOf(this.database.get('SELECT id FROM repositories WHERE name = ?', name)?.['id']);
  }

  /** Makes the repository if need be. */
  ensureRepository(name: string): number {
    this.database.run('INSERT INTO repositories (name) VALUES (?) ON CONFLICT DO NOTHING', name);
    return this.repositoryId(name) ?? 0;
  }

  /** The size of a blob the repository has; asking keeps it from garbage collection for a while. */
  blobSize(repository: string, digest: string): number | undefined {
    const row = this.database.get(
      'SELECT l.repository, l.touched, b.size FROM repositories r JOIN links l ON l.repository = r.id JOIN blobs b ON b.digest = l.digest WHERE r.name = ? AND l.digest = ?',
      repository, digest,
    );
    if (row === undefined) return undefined;
    const now = Date.now();
    if (now - Number(row['touched']) > touchEvery) this.database.run('UPDATE links SET touched = ? WHERE repository = ? AND digest = ?', now, Number(row['repository']), digest);
    return Number(row['size']);
  }

  /** The size of a blob of whichever repository. */
  storedSize(digest: string): number | undefined {
    return numberOf(this.database.get('SELECT size FROM blobs WHERE digest = ?', digest)?.['size']);
  }

  /** Repositories that have the blob. */
  repositoriesOf(digest: string): string[] {
    return this.database.all('SELECT r.name FROM links l JOIN repositories r ON r.id = l.repository JOIN blobs b ON b.digest = l.digest WHERE l.digest = ?', digest).map((row) => String(row['name']));
  }

  /** Gives a blob that exists to a repository. */
  link(repository: string, digest: string): void {
    this.database.transaction(() => {
      this.database.run('INSERT INTO links (repository, digest, touched) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET touched = excluded.touched', this.ensureRepository(repository), digest, Date.now());
    });
  }

  /** A verified and synced upload becomes a blob of the repository; its name follows within the same turn. */
  publish(uploadId: string, blob: { repository: string; digest: string; size: number }): void {
    if (this.storedSize(blob.digest) === undefined) this.#files.publish(uploadId, blob.digest);
    this.database.transaction(() => {
      this.database.run('INSERT INTO blobs (digest, size, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', blob.digest, blob.size, Date.now());
      this.link(blob.repository, blob.digest);
      this.database.run('DELETE FROM uploads WHERE id = ?', uploadId);
    });
  }

  /** False when the repository has no such blob. */
  unlink(repository: string, digest: string): boolean {
    const id = this.repositoryId(repository);
    return id !== undefined && this.database.run('DELETE FROM links WHERE repository = ? AND digest = ?', id, digest) > 0;
  }

  /** A blob whose file has been lost is none. */
  forgetBlob(digest: string): void {
    this.database.transaction(() => {
      this.database.run('DELETE FROM links WHERE digest = ?', digest);
      this.database.run('DELETE FROM blobs WHERE digest = ?', digest);
    });
  }

  /** By tag or digest. */
  manifest(repository: string, reference: string): StoredManifest | undefined {
    const id = this.repositoryId(repository);
    if (id === undefined) return undefined;
    const digest = reference.includes(':') ? reference : this.tag(repository, reference)?.digest;
    if (digest === undefined) return undefined;
    const row = this.database.get('SELECT m.media_type, m.used, d.bytes FROM manifests m JOIN documents d ON d.digest = m.digest WHERE m.repository = ? AND m.digest = ?', id, digest);
    if (row === undefined) return undefined;
    const now = Date.now();
    if (now - Number(row['used']) > touchEvery) this.database.run('UPDATE manifests SET used = ? WHERE repository = ? AND digest = ?', now, id, digest);
    return { digest, mediaType: String(row['media_type']), bytes: bytesOf(row['bytes']) };
  }

  /** Whether anything has been pushed to it, rather than only begun. */
  hasManifests(repository: string): boolean {
    return this.database.get('SELECT 1 FROM repositories r JOIN manifests m ON m.repository = r.id WHERE r.name = ? LIMIT 1', repository) !== undefined;
  }

  hasManifest(repository: string, digest: string): boolean {
    return this.database.get('SELECT 1 FROM repositories r JOIN manifests m ON m.repository = r.id WHERE r.name = ? AND m.digest = ?', repository, digest) !== undefined;
  }

  /** Whether a manifest of the repository refers to this blob or manifest. */
  isReferred(repository: string, digest: string): boolean {
    return this.database.get('SELECT 1 FROM repositories r JOIN parts p ON p.repository = r.id WHERE r.name = ? AND p.digest = ? LIMIT 1', repository, digest) !== undefined;
  }

  /** @throws MANIFEST_BLOB_UNKNOWN naming what is missing */
  putManifest(manifest: NewManifest): void {
    const { repository, digest, bytes, document } = manifest;
    this.database.transaction(() => {
      const id = this.ensureRepository(repository);
      if (manifest.needs !== 'nothing') this.#refuseMissing(id, document.blobs, ['links']);
      if (manifest.needs === 'everything') {
        this.#refuseMissing(id, document.manifests, ['manifests']);
        this.#refuseMissing(id, document.others, ['links', 'manifests']);
      }
      const now = Date.now();
      this.database.run('INSERT INTO documents (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING', digest, bytes);
      this.database.run(
        `INSERT INTO manifests (repository, digest, media_type, size, subject, artifact_type, annotations, pushed, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET media_type = excluded.media_type, pushed = excluded.pushed, used = excluded.used`,
        id, digest, document.mediaType, bytes.length, document.subject ?? null, document.artifactType ?? null,
        document.annotations === undefined ? null : JSON.stringify(document.annotations), now, now,
      );
      for (const part of [...document.blobs, ...document.manifests, ...document.others]) this.database.run('INSERT INTO parts (repository, manifest, digest) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', id, digest, part);
      for (const tag of manifest.tags) this.setTag(repository, tag, digest);
    });
  }

  setTag(repository: string, tag: string, digest: string): void {
    const now = Date.now();
    this.database.run(
      'INSERT INTO tags (repository, name, digest, updated, checked) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated, checked = excluded.checked',
      this.ensureRepository(repository), tag, digest, now, now,
    );
  }

  /** `checked`: when it was last known to be so, milliseconds since the epoch. */
  tag(repository: string, name: string): { digest: string; checked: number } | undefined {
    const row = this.database.get('SELECT t.digest, t.checked FROM repositories r JOIN tags t ON t.repository = r.id WHERE r.name = ? AND t.name = ?', repository, name);
    return row === undefined ? undefined : { digest: String(row['digest']), checked: Number(row['checked']) };
  }

  deleteTag(repository: string, name: string): boolean {
    const id = this.repositoryId(repository);
    return id !== undefined && this.database.run('DELETE FROM tags WHERE repository = ? AND name = ?', id, name) > 0;
  }

  /** With the tags that name it. */
  deleteManifest(repository: string, digest: string): boolean {
    const id = this.repositoryId(repository);
    if (id === undefined) return false;
    return this.database.transaction(() => {
      if (this.database.run('DELETE FROM manifests WHERE repository = ? AND digest = ?', id, digest) === 0) return false;
      this.database.run('DELETE FROM tags WHERE repository = ? AND digest = ?', id, digest);
      this.database.run('DELETE FROM parts WHERE repository = ? AND manifest = ?', id, digest);
      this.database.run('DELETE FROM documents WHERE digest = ? AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = documents.digest)', digest);
      return true;
    });
  }

  /** In byte order; one more than asked for when there are more. */
  tags(repository: string, page: Page): string[] {
    const id = this.repositoryId(repository);
    if (id === undefined) throw new Refusal('NAME_UNKNOWN', { detail: { name: repository } });
    return this.database.all('SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?', id, page.last ?? '', page.count ?? -1).map((row) => String(row['name']));
  }

  /** Repositories with manifests, in byte order. */
  repositories(page: Page): string[] {
    return this.database.all('SELECT name FROM repositories r WHERE name > ? AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id) ORDER BY name LIMIT ?', page.last ?? '', page.count ?? -1).map((row) => String(row['name']));
  }

  /** Repositories whose name has the text in it. */
  search(text: string): string[] {
    return this.database.all('SELECT name FROM repositories r WHERE instr(name, ?) > 0 AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id) ORDER BY name', text).map((row) => String(row['name']));
  }

  /** Manifests whose subject this is, by digest. */
  referrers(repository: string, subject: string, options: { artifactType?: string | undefined; last?: string | undefined; count: number }): ReferrerDescriptor[] {
    const id = this.repositoryId(repository);
    if (id === undefined) return [];
    return this.database
      .all(
        'SELECT digest, media_type, size, artifact_type, annotations FROM manifests WHERE repository = ? AND subject = ? AND (? IS NULL OR artifact_type = ?) AND digest > ? ORDER BY digest LIMIT ?',
        id, subject, options.artifactType ?? null, options.artifactType ?? null, options.last ?? '', options.count,
      )
      .map(readReferrer);
  }

  /** For `/metrics` and the state of the server. */
  totals(): { repositories: number; manifests: number; tags: number; blobs: number; bytes: number } {
    const row = this.database.get(
      'SELECT (SELECT count(*) FROM repositories) AS repositories, (SELECT count(*) FROM manifests) AS manifests, (SELECT count(*) FROM tags) AS tags, count(*) AS blobs, coalesce(sum(size), 0) AS bytes FROM blobs',
    ) ?? {};
    return { repositories: Number(row['repositories']), manifests: Number(row['manifests']), tags: Number(row['tags']), blobs: Number(row['blobs']), bytes: Number(row['bytes']) };
  }

  #refuseMissing(repository: number, digests: readonly string[], tables: readonly ('links' | 'manifests')[]): void {
    for (const digest of digests) {
      const isHere = tables.some((table) => this.database.get(`SELECT 1 FROM ${table} WHERE repository = ? AND digest = ?`, repository, digest) !== undefined);
      if (!isHere) throw missing(digest);
    }
  }
}

function missing(digest: string): Refusal {
  return new Refusal('MANIFEST_BLOB_UNKNOWN', { message: `manifest references ${digest}, which this repository does not have`, detail: { digest } });
}

function readReferrer(row: Row): ReferrerDescriptor {
  const { artifact_type: artifactType, annotations } = row;
  return {
    mediaType: String(row['media_type']),
    size: Number(row['size']),
    digest: String(row['digest']),
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(typeof annotations === 'string' ? { annotations: JSON.parse(annotations) as Record<string, string> } : {}),
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function bytesOf(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.alloc(0);
}
