/** What a build tells while it goes on. Everything told is kept, so that who listens late hears all. */
import type { VertexLog, VertexStatus, VertexWarning, StatusResponse, Vertex } from '#schema/buildkit/control-messages.ts';
import type { Timestamp } from '#schema/buildkit/common-messages.ts';
import { timestampOf } from './wire-timestamp.ts';

/** Bytes of output of one step that clients are told, as with BuildKit. */
const toldOutput = 2 * 1024 * 1024;

export class BuildProgress {
  readonly #told: Partial<StatusResponse>[] = [];
  readonly #vertexes = new Map<string, Vertex>();
  readonly #outputs = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #keep: (message: Partial<StatusResponse>) => void;
  #closed = false;

  /** @param keep is given all that is told, and the output that clients are not */
  constructor(keep: (message: Partial<StatusResponse>) => void = () => undefined) {
    this.#keep = keep;
  }

  /** Makes steps known before they begin. */
  declare(vertexes: readonly { digest: string; name: string; inputs: readonly string[] }[]): void {
    const fresh = vertexes.filter(({ digest }) => !this.#vertexes.has(digest));
    for (const { digest, name, inputs } of fresh) this.#vertexes.set(digest, { digest, name, inputs: [...inputs], cached: false, started: undefined, completed: undefined, error: '' });
    if (fresh.length > 0) this.#tell({ vertexes: fresh.map(({ digest }) => ({ ...this.#vertex(digest) })) });
  }

  start(digest: string): void {
    this.#change(digest, { started: timestampOf(), completed: undefined });
  }

  complete(digest: string, { cached = false, error = '' }: { cached?: boolean; error?: string } = {}): void {
    const now = timestampOf();
    this.#change(digest, { started: this.#vertex(digest).started ?? now, completed: now, cached, error });
  }

  /** Of a step that was told to be done: it was there before. Its times stay, so that lists by time do. */
  turnsOutCached(digest: string): void {
    this.#change(digest, { cached: true });
  }

  /** A part of a step. Its object is told anew by each call of what it answers. */
  part(vertex: string, id: string, { name = '', total = 0 }: { name?: string; total?: number } = {}): (change?: { current?: number; total?: number; done?: boolean }) => void {
    const started = timestampOf();
    const status: VertexStatus = { id, vertex, name, current: 0, total, timestamp: started, started, completed: undefined };
    this.#tell({ statuses: [{ ...status }] });
    return ({ current, total: newTotal, done = false } = {}) => {
      const timestamp: Timestamp = timestampOf();
      Object.assign(status, { timestamp, current: current ?? status.current, total: newTotal ?? status.total, completed: done ? timestamp : undefined });
      this.#tell({ statuses: [{ ...status }] });
    };
  }

  /** Output of a step. */
  log(vertex: string, stream: 1 | 2, message: Buffer): void {
    const before = this.#outputs.get(vertex) ?? 0;
    if (before > toldOutput) return this.#keep({ logs: [{ vertex, timestamp: timestampOf(), stream, message }] });
    this.#outputs.set(vertex, before + message.length);
    const log: VertexLog = { vertex, timestamp: timestampOf(), stream, message };
    const clipped: VertexLog = { ...log, message: Buffer.from('\n[output clipped, log limit 2MiB reached]\n') };
    this.#tell({ logs: before + message.length > toldOutput ? [log, clipped] : [log] });
  }

  warn(warnings: readonly VertexWarning[]): void {
    if (warnings.length > 0) this.#tell({ warnings: [...warnings] });
  }

  /** The steps as they are now. */
  vertexes(): Vertex[] {
    return [...this.#vertexes.values()];
  }

  /** The output that was kept, with its warnings. */
  told(): readonly Partial<StatusResponse>[] {
    return this.#told;
  }

  close(): void {
    this.#closed = true;
    for (const wake of this.#listeners) wake();
  }

  /** All that was and is told, until the build is closed. */
  async *follow(signal: AbortSignal): AsyncGenerator<Partial<StatusResponse>, void> {
    let next = 0;
    let wake: () => void = () => undefined;
    const listener = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener('abort', listener);
    try {
      while (!signal.aborted) {
        const told = this.#told[next];
        if (told !== undefined) {
          next++;
          yield told;
        } else if (this.#closed) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', listener);
      this.#listeners.delete(listener);
    }
  }

  #vertex(digest: string): Vertex {
    const vertex = this.#vertexes.get(digest);
    if (vertex === undefined) throw new Error(`bug: step ${digest} was not declared`);
    return vertex;
  }

  #change(digest: string, change: Partial<Vertex>): void {
    const vertex = this.#vertex(digest);
    Object.assign(vertex, change);
    this.#tell({ vertexes: [{ ...vertex }] });
  }

  #tell(message: Partial<StatusResponse>): void {
    this.#told.push(message);
    this.#keep(message);
    for (const wake of this.#listeners) wake();
  }
}
