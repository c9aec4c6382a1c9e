/** Images that were removed while containers ran on them: their layers stay until those containers are gone. */
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';

export class RemovedImages {
  readonly #rows: DocumentTable<{ layers: readonly string[] }>;
  readonly #layersById = new Map<string, readonly string[]>();

  constructor(database: StateDatabase) {
    this.#rows = database.table('removed_images');
    for (const [id, { layers }] of this.#rows.entries()) this.#layersById.set(id, layers);
  }

  /** @param layers chain ids, topmost first */
  remember(id: string, layers: readonly string[]): void {
    this.#rows.put(id, { layers });
    this.#layersById.set(id, layers);
  }

  /** Chain ids that must stay. */
  layers(): string[] {
    return [...this.#layersById.values()].flat();
  }

  /** Forgets images that are not used any more and answers their layers, topmost first. */
  release(isUnused: (imageId: string) => boolean): string[] {
    const layers: string[] = [];
    for (const [id, chain] of this.#layersById) {
      if (!isUnused(id)) continue;
      this.#rows.delete(id);
      this.#layersById.delete(id);
      layers.push(...chain);
    }
    return layers;
  }
}
