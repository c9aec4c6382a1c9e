/** Keeps a large context that streams through from piling up in memory: V8 alone lets what was sent lie for long. */
import { StreamLitter } from '#base/stream-litter.ts';

/** Bytes that may pass before it is worth the trouble. */
const worthwhile = 16 * 1024 * 1024;

export class ContextLitter {
  readonly #litter = new StreamLitter();
  #bytes = 0;

  /** To be told of every piece that was sent. */
  dropped(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < worthwhile) return;
    if (globalThis.gc === undefined) {
      process.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc');
      globalThis.gc = process.getBuiltinModule('node:vm').runInNewContext('gc') as typeof globalThis.gc;
    }
    this.#litter.dropped(bytes);
  }
}
