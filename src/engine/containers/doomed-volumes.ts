/**
 * Anonymous volumes whose container is being made or removed: written down before, so that a crash in the
 * middle leaves none behind. At a start of the daemon those go that no container's record mentions.
 */
import { isFailure, messageOf } from '#base/errors/failure.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { VolumeReferences } from './volume-references.ts';

export class DoomedVolumes {
  readonly #table: DocumentTable<Record<string, never>>;
  readonly #warn: (message: string) => void;

  constructor(database: StateDatabase, warn: (message: string) => void) {
    this.#warn = warn;
    this.#table = database.table('doomed_volumes');
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#table.put(name, {});
  }

  /** They have their container, or are gone. */
  delete(names: readonly string[]): void {
    for (const name of names) this.#table.delete(name);
  }

  /** Finishes what a crash cut short. */
  async repair(volumes: VolumeStore, references: VolumeReferences): Promise<void> {
    for (const [name] of this.#table.entries()) {
      const known = volumes.known(name);
      // A plugin that is away must not keep the daemon from serving.
      if (known === undefined || known.driver === 'local') await this.#finish(name, volumes, references);
      else void this.#finish(name, volumes, references).catch((error: unknown) => this.#warn(`could not remove volume ${name}: ${messageOf(error)}; the next start of the daemon tries again`));
    }
  }

  async #finish(name: string, volumes: VolumeStore, references: VolumeReferences): Promise<void> {
    try {
      if (references.usersOf(name).length === 0) await volumes.remove(name);
    } catch (error) {
      if (!isFailure(error, 'volume.not_found')) throw error;
    }
    this.#table.delete(name);
  }
}
