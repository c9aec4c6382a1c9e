/**
 * Unfinished uploads: begun, found again by their id, taken over when a client comes back on another connection, and
 * given up when nobody has cared for long enough. An upload is only ever found through the repository it was begun in.
 */
import { randomUUID } from 'node:crypto';
import type { DigestAlgorithm } from '#oci/digest.ts';
import { Refusal } from '../http/refusal.ts';
import { isMissing, type BlobFiles } from './blob-files.ts';
import type { Content } from './content.ts';
import { Upload } from './upload.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Open files nobody has used for so long are closed, in milliseconds. */
const longestIdle = 60_000;

interface Session {
  readonly upload: Upload;
  used: number;
  /** Ends the request that holds the upload. */
  interrupt: (() => void) | undefined;
  /** Settles when the upload is free. */
  busy: Promise<void>;
}

/** The upload, for one request alone; disposing lets the next have it. */
export interface UploadClaim extends AsyncDisposable {
  readonly upload: Upload;
}

export class Uploads implements AsyncDisposable {
  readonly #content: Content;
  readonly #files: BlobFiles;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(content: Content, files: BlobFiles) {
    this.#content = content;
    this.#files = files;
  }

  get open(): number {
    return this.#sessions.size;
  }

  /**
   * `interrupt` is called when another request wants the upload. One that is not `resumable`, since nobody is told of it,
   * does not outlive the server. One that `isReadMeanwhile` is kept in the page cache.
   */
  async begin(repository: string, algorithm: DigestAlgorithm, options: { resumable: boolean; isReadMeanwhile?: boolean; interrupt?: () => void }): Promise<UploadClaim> {
    const id = randomUUID();
    const session = Upload.open({ id, repository, algorithm, path: this.#files.uploadPath(id), isNew: true, mayBeDirect: this.#files.isDirect && options.isReadMeanwhile !== true }).then((upload): Session => ({ upload, used: Date.now(), interrupt: undefined, busy: Promise.resolve() }));
    this.#sessions.set(id, session);
    try {
      await session;
    } catch (error) {
      this.#sessions.delete(id);
      throw error;
    }
    if (options.resumable) {
      this.#content.database.transaction(() => {
        this.#content.database.run('INSERT INTO uploads (id, repository, algorithm, touched) VALUES (?, ?, ?, ?)', id, this.#content.ensureRepository(repository), algorithm, Date.now());
      });
    }
    return await this.#claim(await session, options.interrupt ?? (() => undefined));
  }

  /** Takes the upload, from another request if one has it still. @throws BLOB_UPLOAD_UNKNOWN */
  async take(id: string, repository: string, interrupt: () => void): Promise<UploadClaim> {
    for (;;) {
      let opening = this.#sessions.get(id);
      if (opening === undefined) {
        opening = this.#reopen(id, repository);
        this.#sessions.set(id, opening);
        opening.catch(() => this.#sessions.delete(id));
      }
      const session = await opening;
      if (session.upload.repository !== repository) throw unknown(id);
      // It may have been closed for being idle in this very moment.
      if (this.#sessions.get(id) === opening) return await this.#claim(session, interrupt);
    }
  }

  /** Makes a blob of the upload. The caller has claimed it. @throws DIGEST_INVALID, and the upload is given up */
  async finish(upload: Upload, digest: string): Promise<void> {
    if (!(await upload.matches(digest))) {
      await this.drop(upload);
      throw new Refusal('DIGEST_INVALID', { message: `the ${upload.size} bytes received do not have the digest ${digest}`, detail: { digest } });
    }
    await upload.sync();
    this.#content.publish(upload.id, { repository: upload.repository, digest, size: upload.size });
    await this.close(upload);
    // Where the blob was there already, the bytes are still here.
    await this.#files.removeUpload(upload.id);
  }

  /** Gives the upload up, with its bytes. The caller has claimed it. */
  async drop(upload: Upload): Promise<void> {
    await this.close(upload);
    this.#content.database.run('DELETE FROM uploads WHERE id = ?', upload.id);
    await this.#files.removeUpload(upload.id);
  }

  /** Closes the file; what is on the disk stays. */
  async close(upload: Upload): Promise<void> {
    if (this.#sessions.delete(upload.id)) await upload[Symbol.asyncDispose]();
  }

  /** Closes what is idle and removes what nobody has touched for `lifetime` milliseconds. The number removed. */
  async expire(lifetime: number): Promise<number> {
    const now = Date.now();
    for (const opening of [...this.#sessions.values()]) {
      const session = await opening.catch(() => undefined);
      if (session !== undefined && session.interrupt === undefined && now - session.used > Math.min(longestIdle, lifetime)) await this.close(session.upload);
    }
    const { database } = this.#content;
    const stale = database.all('SELECT id FROM uploads WHERE touched < ?', now - lifetime).map((row) => String(row['id'])).filter((id) => !this.#sessions.has(id));
    for (const id of stale) {
      database.run('DELETE FROM uploads WHERE id = ?', id);
      await this.#files.removeUpload(id);
    }
    return stale.length + (await this.#removeStrays());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of [...this.#sessions.values()]) {
      const session = await opening.catch(() => undefined);
      if (session === undefined) continue;
      session.interrupt?.();
      await session.busy;
      await this.close(session.upload);
    }
  }

  async #removeStrays(): Promise<number> {
    const known = new Set(this.#content.database.all('SELECT id FROM uploads').map((row) => String(row['id'])));
    let removed = 0;
    for (const id of await this.#files.uploadIds()) {
      // One that has begun since is in the sessions before it has a file.
      if (known.has(id) || this.#sessions.has(id) || this.#content.database.get('SELECT 1 FROM uploads WHERE id = ?', id) !== undefined) continue;
      if (!uuid.test(id)) continue;
      await this.#files.removeUpload(id);
      removed++;
    }
    return removed;
  }

  async #reopen(id: string, repository: string): Promise<Session> {
    const row = uuid.test(id) ? this.#content.database.get('SELECT u.algorithm, r.name FROM uploads u JOIN repositories r ON r.id = u.repository WHERE u.id = ?', id) : undefined;
    if (row === undefined || row['name'] !== repository) throw unknown(id);
    try {
      const upload = await Upload.open({ id, repository, algorithm: row['algorithm'] as DigestAlgorithm, path: this.#files.uploadPath(id), isNew: false, mayBeDirect: this.#files.isDirect });
      return { upload, used: Date.now(), interrupt: undefined, busy: Promise.resolve() };
    } catch (error) {
      if (isMissing(error)) throw unknown(id);
      throw error;
    }
  }

  async #claim(session: Session, interrupt: () => void): Promise<UploadClaim> {
    // A client that comes back knows better than the connection it has lost.
    while (session.interrupt !== undefined) {
      session.interrupt();
      await session.busy;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    session.interrupt = interrupt;
    session.busy = promise;
    const release = (): void => {
      session.interrupt = undefined;
      session.used = Date.now();
      this.#content.database.run('UPDATE uploads SET touched = ? WHERE id = ?', session.used, session.upload.id);
      resolve();
    };
    if (!this.#sessions.has(session.upload.id)) {
      // It has been finished or given up meanwhile.
      release();
      throw unknown(session.upload.id);
    }
    return { upload: session.upload, [Symbol.asyncDispose]: async () => release() };
  }
}

function unknown(id: string): Refusal {
  return new Refusal('BLOB_UPLOAD_UNKNOWN', { detail: { id } });
}
