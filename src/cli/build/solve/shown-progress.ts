/** Shows a build's progress as the user asked: a block on a terminal, lines, JSON, or nothing; and its warnings at the end. */
import type { StatusResponse, Vertex, VertexLog, VertexWarning } from '#schema/buildkit/control-messages.ts';
import type { Output } from '#cli/streams/output.ts';
import { PlainProgress } from './plain-progress.ts';
import { TerminalProgress } from './terminal-progress.ts';
import { timedLines } from './timed-lines.ts';

/** The step a build failed at. */
export interface FailedStep {
  readonly name: string;
  /** The last of what it wrote. */
  readonly output: readonly string[];
}

export interface ShownProgress {
  update(status: Partial<StatusResponse>): void;
  finish(): void;
  /** Shows what there is, and keeps what comes until disposed. */
  pause(): Disposable;
  /** Undefined: none failed. */
  failed(): FailedStep | undefined;
}

const drawnEvery = 100;
/** Milliseconds in which lines are put together, so that what is over at once is told once. */
const printedEvery = 100;
const keptLines = 40;

export function plainWriter({ mode, quiet, stderr }: { mode: string; quiet: boolean; stderr: Output }): ShownProgress {
  const warnings: VertexWarning[] = [];
  const steps = new Map<string, Vertex>();
  const logs: VertexLog[] = [];
  const terminal = !quiet && (mode === 'tty' || (mode === 'auto' && stderr.isTerminal)) ? new TerminalProgress((text) => stderr.write(text), () => stderr.size) : undefined;
  const lines = quiet || terminal !== undefined || mode === 'rawjson' ? undefined : new PlainProgress((text) => stderr.write(text));
  lines !== undefined && stderr.write('#0 building with "default" instance using docker driver\n\n');
  let timer = terminal === undefined ? undefined : setInterval(() => terminal.draw(), drawnEvery);
  let printed = -Infinity;
  let printing: NodeJS.Timeout | undefined;
  const print = (): void => {
    clearTimeout(printing);
    printing = undefined;
    printed = performance.now();
    lines?.print();
  };
  let held: Partial<StatusResponse>[] | undefined;
  return {
    pause() {
      clearInterval(timer);
      print();
      terminal?.draw(true);
      terminal?.leave();
      held = [];
      return {
        [Symbol.dispose]: () => {
          const waiting = held ?? [];
          held = undefined;
          for (const status of waiting) this.update(status);
          timer = terminal === undefined ? undefined : setInterval(() => terminal.draw(), drawnEvery);
        },
      };
    },
    update(status) {
      if (held !== undefined) {
        held.push(status);
        return;
      }
      warnings.push(...(status.warnings ?? []));
      logs.push(...(status.logs ?? []));
      for (const vertex of status.vertexes ?? []) steps.set(vertex.digest, vertex);
      if (mode === 'rawjson') stderr.write(`${JSON.stringify(status)}\n`);
      terminal?.update(status);
      lines?.update(status);
      if (lines === undefined) return;
      const rest = printed + printedEvery - performance.now();
      if (rest <= 0) print();
      else printing ??= setTimeout(print, rest);
    },
    finish() {
      clearInterval(timer);
      clearTimeout(printing);
      terminal?.draw(true);
      lines?.finish();
      if (quiet || warnings.length === 0 || mode === 'rawjson') return;
      stderr.write(`\n ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found (use docker --debug to expand):\n`);
      for (const { short } of warnings) stderr.write(` - ${short.toString('utf8')}\n`);
    },
    failed() {
      const step = [...steps.values()].find(({ error }) => error !== '' && !error.endsWith('context canceled'));
      if (step === undefined) return undefined;
      return { name: step.name, output: timedLines(logs.filter(({ vertex }) => vertex === step.digest), step.started).slice(-keptLines) };
    },
  };
}
