/** Shows a build's progress as the user asked: a block on a terminal, lines, JSON, or nothing; and its warnings at the end. */
import type { StatusResponse, VertexLog, VertexWarning } from '#schema/buildkit/control-messages.ts';
import type { Output } from '#cli/streams/output.ts';
import { PlainProgress } from './plain-progress.ts';
import { TerminalProgress } from './terminal-progress.ts';

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
const keptLines = 40;

export function plainWriter({ mode, quiet, stderr }: { mode: string; quiet: boolean; stderr: Output }): ShownProgress {
  const warnings: VertexWarning[] = [];
  const names = new Map<string, { name: string; error: string }>();
  const logs: VertexLog[] = [];
  const terminal = !quiet && (mode === 'tty' || (mode === 'auto' && stderr.isTerminal)) ? new TerminalProgress((text) => stderr.write(text), () => stderr.size) : undefined;
  const lines = quiet || terminal !== undefined || mode === 'rawjson' ? undefined : new PlainProgress((text) => stderr.write(text));
  lines !== undefined && stderr.write('#0 building with "default" instance using docker driver\n\n');
  let timer = terminal === undefined ? undefined : setInterval(() => terminal.draw(), drawnEvery);
  let held: Partial<StatusResponse>[] | undefined;
  return {
    pause() {
      clearInterval(timer);
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
      for (const { digest, name, error } of status.vertexes ?? []) names.set(digest, { name, error });
      if (mode === 'rawjson') stderr.write(`${JSON.stringify(status)}\n`);
      terminal?.update(status);
      lines?.update(status);
    },
    finish() {
      clearInterval(timer);
      terminal?.draw(true);
      lines?.finish();
      if (quiet || warnings.length === 0 || mode === 'rawjson') return;
      stderr.write(`\n ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found (use docker --debug to expand):\n`);
      for (const { short } of warnings) stderr.write(` - ${short.toString('utf8')}\n`);
    },
    failed() {
      const [digest, step] = [...names].find(([, { error }]) => error !== '' && !error.endsWith('context canceled')) ?? [];
      if (digest === undefined || step === undefined) return undefined;
      const text = Buffer.concat(logs.filter(({ vertex }) => vertex === digest).map(({ message }) => message)).toString('utf8');
      return { name: step.name, output: text === '' ? [] : text.replace(/\n$/, '').split('\n').slice(-keptLines) };
    },
  };
}
