/** Transactions on a SQLite database; one begun within another is part of it. */
import type { DatabaseSync } from 'node:sqlite';

export class Transactions {
  readonly #database: DatabaseSync;
  #depth = 0;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Runs `work` as one transaction: all of its writes or, when it throws, none. Must not await. */
  run<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#database.exec('BEGIN IMMEDIATE');
    this.#depth++;
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }
}
