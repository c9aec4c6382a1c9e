/**
 * The engine's state: tables of JSON documents in one SQLite file in WAL mode. One writer, this
 * process; every write is committed when the call returns and survives a crash of the daemon, and after `sync` that of
 * the machine.
 */
import { open } from 'node:fs/promises';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { fail, messageOf } from '#base/errors/failure.ts';
import { Transactions } from './transactions.ts';

/** A table of documents by key. Writing throws `store.write_failed`, when the disk is full for one. */
export interface DocumentTable<T> {
  get(key: string): T | undefined;
  put(key: string, document: T): void;
  delete(key: string): void;
  /** @param onDamaged told of rows that hold no JSON, which are then left out; instead of the database's own */
  entries(onDamaged?: (key: string, reason: string) => void): [key: string, document: T][];
}

const tableName = /^[a-z][a-z_]*$/;

export class StateDatabase implements Disposable {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #onDamaged: ((table: string, key: string, reason: string) => void) | undefined;
  readonly #transactions: Transactions;
  /** Whether there was nothing in the file before. */
  readonly isNew: boolean;

  /**
   * Opens or makes the file. @param onDamaged told of rows that hold no JSON, which are then left out; without it
   * they are an error. @throws `store.damaged` when it is no readable database.
   */
  constructor(path: string, onDamaged?: (table: string, key: string, reason: string) => void) {
    this.#onDamaged = onDamaged;
    this.#path = path;
    try {
      this.#database = new DatabaseSync(path);
      this.#transactions = new Transactions(this.#database);
      this.isNew = this.#database.prepare('PRAGMA user_version').get()?.['user_version'] === 0;
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000; PRAGMA user_version = 1');
    } catch (error) {
      throw fail('store.damaged', { path, reason: messageOf(error) }, error);
    }
  }

  /** The table of this name, made if missing. The caller answers for what its documents hold. */
  table<T>(name: string): DocumentTable<T> {
    if (!tableName.test(name)) throw new Error(`bug: table name ${name}`);
    this.#database.exec(`CREATE TABLE IF NOT EXISTS ${name} (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID`);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    const write = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        throw fail('store.write_failed', { path: this.#path, reason: messageOf(error) }, error);
      }
    };
    const get = prepare(`SELECT document FROM ${name} WHERE key = ?`);
    const put = prepare(`INSERT INTO ${name} (key, document) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET document = excluded.document`);
    const remove = prepare(`DELETE FROM ${name} WHERE key = ?`);
    const all = prepare(`SELECT key, document FROM ${name} ORDER BY key`);
    return {
      get: (key) => {
        const row = get.get(key);
        return row === undefined ? undefined : (JSON.parse(String(row['document'])) as T);
      },
      put: (key, document) => write(() => put.run(key, JSON.stringify(document))),
      delete: (key) => write(() => remove.run(key)),
      entries: (onDamaged) => all.all().flatMap((row): [string, T][] => {
        const key = String(row['key']);
        try {
          return [[key, JSON.parse(String(row['document'])) as T]];
        } catch (error) {
          const told = onDamaged ?? this.#onDamaged?.bind(undefined, name);
          if (told === undefined || !(error instanceof SyntaxError)) throw error;
          told(key, error.message);
          return [];
        }
      }),
    };
  }

  /** Runs `work` as one transaction: all of its writes or, when it throws, none. Must not await. */
  transaction<T>(work: () => T): T {
    return this.#transactions.run(work);
  }

  /** Resolves when every write so far survives the loss of power. */
  async sync(): Promise<void> {
    await using journal = await open(`${this.#path}-wal`, 'r');
    await journal.datasync();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
