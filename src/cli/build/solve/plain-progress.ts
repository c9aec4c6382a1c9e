/**
 * A build's progress as lines, as BuildKit's clients print it: every step has a number, and what it says comes behind it.
 * What ended is shown first, by the time of its end. Of the others one is shown until it ends, or others have more to say.
 */
import type { Timestamp } from '#schema/buildkit/common-messages.ts';
import type { StatusResponse, Vertex, VertexStatus } from '#schema/buildkit/control-messages.ts';
import { shortSize, stepSeconds } from './progress-text.ts';
import { TimedLines } from './timed-lines.ts';

interface ShownStep {
  number: number;
  vertex: Vertex;
  readonly lines: string[];
  readonly output: TimedLines;
  readonly parts: Map<string, { status: VertexStatus; changed: boolean; shown: VertexStatus | undefined }>;
  /** What it has said since it was last hidden, and since when (milliseconds). */
  said: number;
  since: number;
}

/** Milliseconds that a hidden step waits at most, and that the shown one may speak alone at least. */
const mostHidden = 10_000;
const leastShown = 5000;
/** What a part must have come on to be told again before it is done: a share, or seconds. */
const shareAgain = 0.05;
const secondsAgain = 5;

export class PlainProgress {
  readonly #write: (text: string) => void;
  readonly #steps = new Map<string, ShownStep>();
  readonly #changed = new Set<ShownStep>();
  #numbers = 0;
  #isBegun = false;
  #current: ShownStep | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Takes what is told; `print` shows it. */
  update({ vertexes = [], statuses = [], logs = [], warnings = [] }: Partial<StatusResponse>): void {
    for (const vertex of vertexes) this.#vertex(vertex);
    for (const status of statuses) {
      const step = this.#steps.get(status.vertex);
      if (step === undefined) continue;
      step.parts.set(status.id, { status, changed: true, shown: step.parts.get(status.id)?.shown });
      this.#note(step);
    }
    for (const { vertex, short } of warnings) this.#say(this.#steps.get(vertex), [`WARN: ${short.toString('utf8')}`]);
    for (const log of logs) {
      const step = this.#steps.get(log.vertex);
      const lines = step?.output.take(log, step.vertex.started) ?? [];
      if (lines.length > 0) this.#say(step, lines);
    }
  }

  print(): void {
    const before = this.#current;
    const changed = [...this.#changed];
    const ended = changed.filter(isOver);
    const open = new Set(changed.filter((step) => !isOver(step)));
    if (before !== undefined && ended.includes(before)) this.#show(before);
    for (const step of ended.sort((a, b) => between(b.vertex.completed, a.vertex.completed))) if (step !== before) this.#show(step);
    if (open.size === 0) {
      if (before !== undefined && isOpen(before)) return;
      const next = [...this.#steps.values()].find(isOpen);
      if (next !== undefined) this.#show(next);
      return;
    }
    if (before !== undefined && open.has(before)) this.#show(before);
    if (before !== undefined && !ended.includes(before)) open.add(before);
    this.#choose(open);
  }

  /** Shows all that is still to be told. */
  finish(): void {
    this.print();
    for (const step of this.#changed) this.#show(step);
  }

  #vertex(vertex: Vertex): void {
    const step = this.#steps.get(vertex.digest);
    if (step === undefined) {
      const fresh: ShownStep = { number: 0, vertex, lines: [], output: new TimedLines(), parts: new Map(), said: 0, since: 0 };
      this.#steps.set(vertex.digest, fresh);
      if (vertex.started !== undefined) this.#note(fresh);
      return;
    }
    const { vertex: before } = step;
    if (vertex.started === undefined) {
      if (before.started === undefined) step.vertex = vertex;
      return;
    }
    const isSame = isEqual(before.started, vertex.started) && (vertex.completed === undefined || isEqual(vertex.completed, before.completed));
    step.vertex = vertex;
    if (!isSame || before.cached !== vertex.cached || before.error !== vertex.error) this.#note(step);
  }

  #say(step: ShownStep | undefined, lines: readonly string[]): void {
    if (step === undefined) return;
    step.lines.push(...lines);
    this.#note(step, lines.length);
  }

  #note(step: ShownStep, count = 1): void {
    if (step.said === 0) step.since = performance.now();
    step.said += count;
    this.#changed.add(step);
  }

  /** Lets one of the steps under way speak. */
  #choose(open: ReadonlySet<ShownStep>): void {
    const now = performance.now();
    const speeds = [...open].map((step) => ({ step, time: now - step.since, speed: step.said / Math.max(1, now - step.since) }));
    const quickest = speeds.reduce((most, one) => (one.speed > most.speed ? one : most));
    const current = speeds.find(({ step }) => step === this.#current);
    const hidden = speeds.find(({ step, time }) => step !== this.#current && time > mostHidden);
    if (hidden !== undefined) this.#show(hidden.step);
    else if (current === undefined) this.#show(quickest.step);
    else {
      const others = speeds.reduce((sum, { speed }) => sum + speed, 0) - current.speed;
      if (others > 0 && leastShown * (1 + current.speed / others) < current.time && quickest !== current) this.#show(quickest.step);
    }
  }

  #show(step: ShownStep): void {
    const { vertex } = step;
    let text = '';
    if (step !== this.#current) {
      if (this.#current !== undefined) {
        this.#current.said = 0;
        text += `#${this.#current.number} ...\n`;
      }
      if (this.#isBegun) text += '\n';
      this.#isBegun = true;
      if (step.number === 0) step.number = ++this.#numbers;
      text += `#${step.number} ${vertex.name}\n`;
    }
    const over = isOver(step);
    const lines = [...partLines(step), ...step.lines.splice(0)];
    if (over) {
      const time = stepSeconds(vertex.started, vertex.completed);
      lines.push(...step.output.rest());
      if (vertex.error !== '') lines.push(vertex.error.endsWith('context canceled') ? 'CANCELED' : `ERROR: ${vertex.error}`);
      else lines.push(vertex.cached ? 'CACHED' : `DONE ${time.toFixed(1)}s`);
      step.said = 0;
    }
    this.#current = over ? undefined : step;
    this.#changed.delete(step);
    this.#write(text + lines.map((line) => `#${step.number} ${line}\n`).join(''));
  }
}

function* partLines({ parts }: ShownStep): Generator<string, void> {
  for (const part of parts.values()) {
    const { status, shown } = part;
    if (!part.changed) continue;
    part.changed = false;
    const { id, current, total, started, timestamp, completed } = status;
    const isDone = completed !== undefined;
    const share = shown === undefined || total === 0 ? 0 : (current - shown.current) / total;
    if (shown !== undefined && !isDone && share < shareAgain && stepSeconds(shown.timestamp, timestamp) < secondsAgain) continue;
    part.shown = status;
    const size = total > 0 ? ` ${shortSize(current)} / ${shortSize(total)}` : current > 0 ? ` ${shortSize(current)}` : '';
    const time = stepSeconds(started, completed ?? timestamp);
    yield `${id}${size}${time > 0.01 ? ` ${time.toFixed(1)}s` : ''}${isDone ? ' done' : ''}`;
  }
}

function isOver({ vertex }: ShownStep): boolean {
  return vertex.completed !== undefined;
}

function isOpen({ vertex }: ShownStep): boolean {
  return vertex.started !== undefined && vertex.completed === undefined;
}

function isEqual(left: Timestamp | undefined, right: Timestamp | undefined): boolean {
  return left?.seconds === right?.seconds && left?.nanos === right?.nanos;
}

/** Seconds from one time to another, below zero where the other was before; 0 where one is missing. */
function between(from: Timestamp | undefined, to: Timestamp | undefined): number {
  return from === undefined || to === undefined ? 0 : to.seconds - from.seconds + (to.nanos - from.nanos) / 1e9;
}
