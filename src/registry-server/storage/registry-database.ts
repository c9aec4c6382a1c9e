/**
 * What the registry knows of its content: repositories, tags, manifests (with their bytes), which blobs exist and which
 * repository has them, unfinished uploads. One SQLite file in WAL mode, held exclusively by this process. A blob's
 * row exists only while its file does: the file comes first and goes last.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { fail, messageOf } from '#base/errors/failure.ts';
import { SharedRun } from '#base/shared-run.ts';
import { Transactions } from '#store/transactions.ts';

const tables = `
  CREATE TABLE IF NOT EXISTS repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS links (repository INTEGER NOT NULL, digest TEXT NOT NULL, touched INTEGER NOT NULL, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS links_of_blob ON links (digest);
  CREATE TABLE IF NOT EXISTS documents (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS manifests (
    repository INTEGER NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
    subject TEXT, artifact_type TEXT, annotations TEXT, pushed INTEGER NOT NULL, used INTEGER NOT NULL,
    PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS manifests_of_subject ON manifests (repository, subject) WHERE subject IS NOT NULL;
  CREATE INDEX IF NOT EXISTS manifests_of_document ON manifests (digest);
  CREATE TABLE IF NOT EXISTS parts (repository INTEGER NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (repository, manifest, digest)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS parts_by_digest ON parts (repository, digest);
  CREATE TABLE IF NOT EXISTS tags (repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, updated INTEGER NOT NULL, checked INTEGER NOT NULL, PRIMARY KEY (repository, name)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS tags_of_manifest ON tags (repository, digest);
  CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, repository INTEGER NOT NULL, algorithm TEXT NOT NULL, touched INTEGER NOT NULL) WITHOUT ROWID;
`;

export type Row = Readonly<Record<string, unknown>>;

export class RegistryDatabase implements AsyncDisposable {
  readonly #database: DatabaseSync;
  readonly #journal: FileHandle;
  readonly #statements = new Map<string, StatementSync>();
  readonly #transactions: Transactions;
  readonly #syncs = new SharedRun(async () => await this.#journal.datasync());

  private constructor(database: DatabaseSync, journal: FileHandle) {
    this.#database = database;
    this.#transactions = new Transactions(database);
    this.#journal = journal;
  }

  /** @throws registry_server.storage_in_use, registry_server.storage_damaged */
  static async open(path: string): Promise<RegistryDatabase> {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path);
      // Exclusive: a second server fails here, and the index of the journal stays in memory.
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -1024');
      database.exec(`BEGIN IMMEDIATE; ${tables} PRAGMA user_version = 1; COMMIT`);
      return new RegistryDatabase(database, await open(`${path}-wal`, 'r+'));
    } catch (error) {
      database?.close();
      const busy = messageOf(error).includes('locked');
      throw fail(busy ? 'registry_server.storage_in_use' : 'registry_server.storage_damaged', { path, reason: messageOf(error) }, error);
    }
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values);
  }

  /** The number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** Runs `work` as one transaction: all of its writes or, when it throws, none. Must not await. */
  transaction<T>(work: () => T): T {
    return this.#transactions.run(work);
  }

  /** Waits until everything committed so far survives the loss of power. Askers at one time share one sync. */
  async sync(): Promise<void> {
    await this.#syncs.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal.close();
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
