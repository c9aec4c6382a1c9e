/** A layer's archive as a thread makes it again, compressed by it or not. */
import { AsyncRingReader } from './byte-ring.ts';
import type { LayerWorkers } from './layer-workers.ts';
import type { PackedLayer, PackJob, PackResult } from './worker-messages.ts';

export interface Packing {
  readonly layer: PackedLayer;
  readonly compression?: PackJob['compression'];
  readonly signal: AbortSignal;
}

/** Nothing is done before the first byte is asked for. @param onEnd gets what came of it and how many bytes were read */
export async function* packedBytes(workers: LayerWorkers, { layer, compression, signal }: Packing, onEnd: (result: PackResult, length: number) => void): AsyncGenerator<Buffer, void> {
  using taken = workers.rings.take();
  const ring = new AsyncRingReader(taken.memory);
  const packed = workers.run({ kind: 'pack', ring: taken.memory, layer, compression });
  packed.catch(() => ring.break());
  let length = 0;
  try {
    for (let chunk = await ring.read(); chunk !== undefined; chunk = await ring.read()) {
      length += chunk.length;
      yield chunk;
    }
    onEnd(await packed, length);
    signal.throwIfAborted();
  } finally {
    ring.break();
    await packed.catch(() => undefined);
  }
}
