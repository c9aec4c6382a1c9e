/** A layer that lies unpacked in a directory of its own, not yet in the store. Disposed, it goes; what the store has taken over by then stays. */
import type { StagedLayer } from './contract.ts';
import type { RemovalQueue } from './removal-queue.ts';
import type { UnpackResult } from './worker-messages.ts';

export interface UnpackedPaths {
  /** With `diff` in it. */
  readonly directory: string;
  /** With the recipe in it. */
  readonly recordDirectory: string;
}

export class UnpackedLayer implements StagedLayer {
  /** Name of the layer's directory in the store. */
  readonly name: string;
  readonly paths: UnpackedPaths;
  readonly result: UnpackResult;
  readonly archiveDigest: string;
  readonly archiveSize: number;
  readonly #remove: () => Promise<void>;

  /** @param remove removes what is unpacked and was not taken over */
  constructor(layer: { name: string; paths: UnpackedPaths; result: UnpackResult; archive: { digest: string | undefined; size: number } }, remove: () => Promise<void>) {
    this.name = layer.name;
    this.paths = layer.paths;
    this.result = layer.result;
    this.archiveDigest = layer.archive.digest ?? layer.result.diffId;
    this.archiveSize = layer.archive.size;
    this.#remove = remove;
  }

  get diffId(): string {
    return this.result.diffId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove();
  }
}

export async function removeUnpacked({ directory, recordDirectory }: UnpackedPaths, removals: RemovalQueue): Promise<void> {
  await removals.delete(directory);
  await removals.delete(recordDirectory);
}
