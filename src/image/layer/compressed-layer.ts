/** A layer's archive, compressed while it is made: by the system's program, which a thread feeds, or by the thread itself. */
import { createHash } from 'node:crypto';
import { fail, invariant } from '#base/errors/failure.ts';
import { StreamLitter } from '#base/stream-litter.ts';
import { openPipe } from '#kernel/pipe.ts';
import { PipeReader } from '#kernel/pipe-reader.ts';
import type { CompressedLayer } from './contract.ts';
import type { GzipProgram } from './gzip-program.ts';
import { gzipTrailer, StreamEnd } from './gzip-trailer.ts';
import type { LayerWorkers } from './layer-workers.ts';
import { newPackProgressMemory, PackProgress } from './pack-progress.ts';
import { packedBytes } from './packed-bytes.ts';
import type { PackedLayer, ProgramCall } from './worker-messages.ts';

/** Bytes of an archive that is worth a process. */
const worthwhile = 1024 * 1024;

export interface CompressedSource {
  readonly workers: LayerWorkers;
  readonly gzip: GzipProgram;
  readonly layer: PackedLayer;
  /** Bytes of the archive. */
  readonly tarLength: number;
  readonly signal: AbortSignal;
}

type Compressed = ReturnType<CompressedLayer['result']>;

export function compressedLayer(source: CompressedSource): CompressedLayer {
  const memory = newPackProgressMemory();
  const progress = new PackProgress(memory);
  const program = source.tarLength < worthwhile ? undefined : source.gzip.call();
  let result: Compressed | undefined;
  const onEnd = (compressed: Compressed): void => void (result = compressed);
  return {
    bytes: program === undefined ? byThread(source, memory, onEnd) : byProgram(source, program, { memory, onEnd }),
    consumed: () => progress.consumed,
    result: () => {
      invariant(result !== undefined, 'a compressed layer is known at its end only');
      return result;
    },
  };
}

function byThread({ workers, layer, signal }: CompressedSource, memory: SharedArrayBuffer, onEnd: (compressed: Compressed) => void): AsyncGenerator<Buffer, void> {
  return packedBytes(workers, { layer, compression: { progress: memory }, signal }, ({ compressed }, length) => {
    invariant(compressed?.size === length, `of ${compressed?.size} bytes of a compressed layer ${length} were read`);
    onEnd(compressed);
  });
}

async function* byProgram({ workers, gzip, layer, tarLength, signal }: CompressedSource, program: ProgramCall, { memory, onEnd }: { memory: SharedArrayBuffer; onEnd: (compressed: Compressed) => void }): AsyncGenerator<Buffer, void> {
  signal.throwIfAborted();
  const progress = new PackProgress(memory);
  const { readEnd, writeEnd } = openPipe();
  using output = new PipeReader(readEnd);
  const packed = workers.run({ kind: 'pack-by-program', layer, program, output: writeEnd, progress: memory });
  const stop = (): void => {
    progress.stop();
    output[Symbol.dispose]();
  };
  packed.catch((error: unknown) => {
    gzip.noteFailure(error);
    stop();
  });
  signal.addEventListener('abort', stop, { once: true });
  const hash = createHash('sha256');
  const end = new StreamEnd();
  const litter = new StreamLitter();
  let size = 0;
  try {
    for (let chunk = await output.next(); chunk !== undefined; chunk = await output.next()) {
      hash.update(chunk);
      end.add(chunk);
      size += chunk.length;
      yield chunk;
      litter.dropped(chunk.length);
    }
    signal.throwIfAborted();
    const check = await packed;
    if (!end.equals(gzipTrailer(check, tarLength))) throw fail('layer.compression_failed', { reason: 'what it made is not of its whole input' });
    onEnd({ digest: `sha256:${hash.digest('hex')}`, size });
  } catch (error) {
    gzip.noteFailure(error);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
    await packed.catch(() => undefined);
  }
}
