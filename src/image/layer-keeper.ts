/**
 * Decides when a layer may go. A layer is in use while an image has it, a container still runs on a
 * removed image, or an operation under way holds it by a lease. Layers are named before they are
 * applied wherever their diff id is known, so that no removal can take what is about to be used.
 */
import type { Readable } from 'node:stream';
import { isFailure } from '#base/errors/failure.ts';
import { chainIdOver } from '#oci/chain-id.ts';
import type { ApplyOptions, AppliedLayer, GrowingArchive, LayerStore, StagedLayer } from './layer/contract.ts';

export class LayerKeeper {
  readonly #layers: LayerStore;
  readonly #usedByImages: () => ReadonlySet<string>;
  readonly #holds = new Map<string, number>();
  readonly #doomed = new Set<string>();
  #unnamedApplies = 0;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(layers: LayerStore, usedByImages: () => ReadonlySet<string>) {
    this.#layers = layers;
    this.#usedByImages = usedByImages;
  }

  /** Opens a lease; what it holds and nothing else uses goes when it is disposed. */
  lease(): LayerLease {
    const held: string[] = [];
    const hold = (chainId: string): void => {
      held.push(chainId);
      this.#holds.set(chainId, (this.#holds.get(chainId) ?? 0) + 1);
      this.#doomed.delete(chainId);
    };
    return {
      hold: async (chainId) => {
        hold(chainId);
        await this.#sweeping;
        return this.#layers.get(chainId) !== undefined;
      },
      stageFile: async (archive, options) => await this.#layers.stageFile(archive, options),
      adopt: async (parent, staged) => {
        hold(chainIdOver(parent, staged.diffId));
        await this.#sweeping;
        return this.#layers.adopt(parent, staged);
      },
      apply: async (parent, archive, options) => await this.#apply(hold, parent, archive, options),
      [Symbol.asyncDispose]: async () => {
        for (const chainId of held) {
          const count = (this.#holds.get(chainId) ?? 1) - 1;
          if (count === 0) this.#holds.delete(chainId);
          else this.#holds.set(chainId, count);
        }
        this.doom(held.toReversed());
        await this.settle();
      },
    };
  }

  /**
   * Marks for removal those of these layers that nothing uses.
   * @param chainIds topmost first
   * @returns the marked ones that exist, in the same order
   */
  doom(chainIds: readonly string[]): string[] {
    const used = this.#usedByImages();
    const going = [...new Set(chainIds)].filter((chainId) => !used.has(chainId) && !this.#holds.has(chainId) && this.#layers.get(chainId) !== undefined);
    for (const chainId of going) this.#doomed.add(chainId);
    return going;
  }

  /**
   * Removes what is marked. While a layer is being applied whose name is not yet known, removal waits for
   * its end: it could turn out to be a marked one.
   */
  async settle(): Promise<void> {
    if (this.#unnamedApplies > 0 || this.#doomed.size === 0) return;
    const before = this.#sweeping;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sweeping = promise;
    try {
      await before;
      await this.#sweep();
    } finally {
      resolve();
    }
  }

  async #sweep(): Promise<void> {
    // What is marked meanwhile is met, too.
    for (const chainId of this.#doomed) {
      // Taken into use again since it was marked, or its removal has begun elsewhere.
      if (!this.#doomed.delete(chainId)) continue;
      const parent = this.#layers.get(chainId)?.parent;
      try {
        await this.#layers.remove(chainId);
      } catch (error) {
        // A layer lies over it: it goes together with that one.
        if (!isFailure(error, 'layer.has_child')) throw error;
        continue;
      }
      if (parent !== undefined) this.doom([parent]);
    }
  }

  async #apply(hold: (chainId: string) => void, parent: string | undefined, archive: Readable, options: ApplyOptions): Promise<AppliedLayer> {
    if (options.expectedDiffId !== undefined) {
      hold(chainIdOver(parent, options.expectedDiffId));
      await this.#sweeping;
      return await this.#layers.apply(parent, archive, options);
    }
    this.#unnamedApplies++;
    try {
      await this.#sweeping;
      const layer = await this.#layers.apply(parent, archive, options);
      hold(layer.chainId);
      return layer;
    } finally {
      this.#unnamedApplies--;
      if (this.#unnamedApplies === 0) await this.settle();
    }
  }
}

/** What an operation under way needs of layers. */
export interface LayerLease extends AsyncDisposable {
  /** Keeps a layer from going; false when it is not there. */
  hold(chainId: string): Promise<boolean>;
  /** As `LayerStore.stageFile`. */
  stageFile(archive: GrowingArchive, options: ApplyOptions): Promise<StagedLayer | undefined>;
  /** As `LayerStore.adopt`; the layer is held then. */
  adopt(parent: string | undefined, staged: StagedLayer): Promise<AppliedLayer>;
  /** As `LayerStore.apply`; the layer is held then. */
  apply(parent: string | undefined, archive: Readable, options: ApplyOptions): Promise<AppliedLayer>;
}
