/** A build's progress on a terminal: a block of lines that is drawn anew, one line a step, the last output of those that run. */
import type { StatusResponse, Vertex, VertexStatus } from '#schema/buildkit/control-messages.ts';
import { shortSize, stepSeconds } from './progress-text.ts';

/** Lines of output shown of a step that runs. */
const shownOutput = 6;

export class TerminalProgress {
  readonly #write: (text: string) => void;
  readonly #size: () => { rows: number; columns: number };
  readonly #steps = new Map<string, Vertex>();
  readonly #parts = new Map<string, Map<string, VertexStatus>>();
  readonly #output = new Map<string, string[]>();
  readonly #begin = performance.now();
  #drawn = 0;

  constructor(write: (text: string) => void, size: () => { rows: number; columns: number }) {
    this.#write = write;
    this.#size = size;
  }

  update({ vertexes = [], statuses = [], logs = [] }: Partial<StatusResponse>): void {
    for (const vertex of vertexes) this.#steps.set(vertex.digest, vertex);
    for (const status of statuses) {
      const parts = this.#parts.get(status.vertex) ?? new Map<string, VertexStatus>();
      parts.set(status.id, status);
      this.#parts.set(status.vertex, parts);
    }
    for (const { vertex, message } of logs) {
      const lines = [...(this.#output.get(vertex) ?? []), ...message.toString('utf8').split(/\r?\n/).filter((line) => line !== '')];
      this.#output.set(vertex, lines.slice(-shownOutput));
    }
  }

  /** Draws the block as things are now. `last`: it stays. */
  draw(last = false): void {
    const { rows, columns } = this.#size();
    const width = Math.max(20, columns - 1);
    const steps = [...this.#steps.values()].filter(({ started }) => started !== undefined);
    const done = steps.filter(({ completed }) => completed !== undefined).length;
    const seconds = ((performance.now() - this.#begin) / 1000).toFixed(1);
    const head = `[+] Building ${seconds}s (${done}/${this.#steps.size})${last && done === this.#steps.size ? ' FINISHED' : ''}`;
    const lines = steps.flatMap((step) => this.#linesOf(step, width));
    const room = Math.max(3, rows - 2);
    const shown = last ? lines : lines.slice(-room);
    const up = this.#drawn > 0 ? `\u001B[${this.#drawn}A` : '';
    this.#write(`\u001B[?25l${up}${[head, ...shown].map((line) => `\u001B[2K${line}\n`).join('')}\u001B[0J${last ? '\u001B[?25h' : ''}`);
    this.#drawn = shown.length + 1;
  }

  /** What is drawn stays; the next block begins below. */
  leave(): void {
    this.#drawn = 0;
  }

  #linesOf(step: Vertex, width: number): string[] {
    const running = step.completed === undefined;
    const state = step.error === '' ? (step.cached ? 'CACHED ' : '') : 'ERROR ';
    const now = Date.now();
    const time = `${stepSeconds(step.started, step.completed ?? { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1e6 }).toFixed(1)}s`;
    const text = line(` => ${state}${step.name}`, time, width);
    const colour = step.error === '' ? (running ? text : `\u001B[34m${text}\u001B[0m`) : `\u001B[31m${text}\u001B[0m`;
    const parts = [...(this.#parts.get(step.digest)?.values() ?? [])].map((part) => {
      const size = part.total > 0 ? ` ${shortSize(part.current)} / ${shortSize(part.total)}` : part.current > 0 ? ` ${shortSize(part.current)}` : '';
      return line(` => => ${part.id}${size}`, `${stepSeconds(part.started, part.completed ?? part.timestamp).toFixed(1)}s`, width);
    });
    const output = running ? (this.#output.get(step.digest) ?? []).map((text_) => ` => => # ${plain(text_)}`.slice(0, width)) : [];
    return [colour, ...parts, ...output];
  }
}

function line(text: string, time: string, width: number): string {
  const room = width - time.length - 1;
  return `${plain(text).slice(0, room).padEnd(room)} ${time}`;
}

/** Without what would move the cursor. */
function plain(text: string): string {
  return text.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]|[\u0000-\u001F\u007F]/g, '');
}
