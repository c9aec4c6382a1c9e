/**
 * A build's progress as lines, as BuildKit's clients print it: every step has a number, and what it says comes behind it.
 * One step is shown at a time; another takes over when it ends, or is silent while others have something to say.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Timestamp } from '#schema/buildkit/common-messages.ts';
import type { StatusResponse, Vertex } from '#schema/buildkit/control-messages.ts';
import { shortSize, stepSeconds } from './progress-text.ts';

interface ShownStep {
  readonly digest: string;
  number: number;
  vertex: Vertex;
  readonly waiting: string[];
  readonly decoders: Map<number, StringDecoder>;
  readonly partial: Map<number, string>;
  readonly parts: Set<string>;
  ended: boolean;
}

/** Milliseconds a step may be silent before another with something to say takes over. */
const patience = 1000;
/** Seconds a part must take to be told before it is done. */
const toldAfter = 1;

export class PlainProgress {
  readonly #write: (text: string) => void;
  readonly #steps = new Map<string, ShownStep>();
  #numbers = 0;
  #current: ShownStep | undefined;
  #spoke = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  update({ vertexes = [], statuses = [], logs = [], warnings = [] }: Partial<StatusResponse>): void {
    for (const vertex of vertexes) this.#step(vertex.digest, vertex).vertex = vertex;
    for (const status of statuses) {
      const step = this.#steps.get(status.vertex);
      if (step === undefined) continue;
      const done = status.completed !== undefined;
      const key = `${status.id}${String(done)}`;
      // Each part is told when it begins to be worth telling, and when it is done.
      if (step.parts.has(key) || (!done && stepSeconds(status.started, status.timestamp) < toldAfter)) continue;
      step.parts.add(key);
      const size = status.total > 0 ? ` ${shortSize(status.current)} / ${shortSize(status.total)}` : status.current > 0 ? ` ${shortSize(status.current)}` : '';
      const time = stepSeconds(status.started, done ? status.completed : status.timestamp);
      const took = time >= 0.05 ? ` ${time.toFixed(1)}s` : '';
      step.waiting.push(`${status.id}${size}${took}${done ? ' done' : ''}`);
    }
    for (const { vertex, short } of warnings) this.#steps.get(vertex)?.waiting.push(`WARN: ${short.toString('utf8')}`);
    for (const { vertex, stream, message, timestamp } of logs) this.#log(vertex, stream, message, timestamp);
    for (const { digest, completed } of vertexes) if (completed !== undefined) this.#end(this.#step(digest));
    this.#print();
  }

  /** All that is still to be told. */
  finish(): void {
    for (let rest = this.#withSomething(); rest !== undefined; rest = this.#withSomething()) this.#show(rest);
  }

  #step(digest: string, vertex?: Vertex): ShownStep {
    let step = this.#steps.get(digest);
    if (step === undefined) {
      if (vertex === undefined) throw new Error(`bug: step ${digest} is not known`);
      step = { digest, number: 0, vertex, waiting: [], decoders: new Map(), partial: new Map(), parts: new Set(), ended: false };
      this.#steps.set(digest, step);
    }
    return step;
  }

  #log(digest: string, stream: number, message: Buffer, timestamp: Timestamp | undefined): void {
    const step = this.#steps.get(digest);
    if (step === undefined) return;
    let decoder = step.decoders.get(stream);
    if (decoder === undefined) {
      decoder = new StringDecoder('utf8');
      step.decoders.set(stream, decoder);
    }
    const lines = ((step.partial.get(stream) ?? '') + decoder.write(message)).split('\n');
    step.partial.set(stream, lines.pop() ?? '');
    const time = stepSeconds(step.vertex.started, timestamp).toFixed(3);
    for (const line of lines) step.waiting.push(`${time} ${line.replace(/\r$/, '')}`);
  }

  #end(step: ShownStep): void {
    const { vertex } = step;
    if (step.ended || vertex.completed === undefined) return;
    step.ended = true;
    for (const rest of step.partial.values()) if (rest !== '') step.waiting.push(`${stepSeconds(vertex.started, vertex.completed).toFixed(3)} ${rest}`);
    const canceled = vertex.error.endsWith('context canceled');
    if (vertex.error !== '') step.waiting.push(canceled ? 'CANCELED' : `ERROR: ${vertex.error}`);
    else step.waiting.push(vertex.cached ? 'CACHED' : `DONE ${stepSeconds(vertex.started, vertex.completed).toFixed(1)}s`);
  }

  #print(): void {
    if (this.#current !== undefined) {
      this.#show(this.#current);
      const isSilent = performance.now() - this.#spoke > patience;
      if (!this.#current.ended && !(isSilent && this.#withSomething() !== undefined)) return;
      if (!this.#current.ended) this.#write(`#${this.#current.number} ...\n\n`);
      this.#current = undefined;
    }
    for (let next = this.#withSomething(); next !== undefined; next = this.#withSomething()) {
      this.#show(next);
      if (next.ended) continue;
      this.#current = next;
      return;
    }
  }

  #withSomething(): ShownStep | undefined {
    const speaking = [...this.#steps.values()].filter((step) => step !== this.#current && (step.waiting.length > 0 || (step.number === 0 && step.vertex.started !== undefined && !step.ended)));
    return speaking.sort((a, b) => stepSeconds(b.vertex.started, a.vertex.started) - stepSeconds(a.vertex.started, b.vertex.started))[0];
  }

  #show(step: ShownStep): void {
    if (step.number === 0 || (step !== this.#current && step.waiting.length > 0)) {
      if (step.number === 0) step.number = ++this.#numbers;
      this.#write(`#${step.number} ${step.vertex.name}\n`);
      this.#spoke = performance.now();
    }
    const lines = step.waiting.splice(0);
    if (lines.length === 0) return;
    this.#spoke = performance.now();
    this.#write(lines.map((line) => `#${step.number} ${line}\n`).join('') + (step.ended ? '\n' : ''));
  }
}
