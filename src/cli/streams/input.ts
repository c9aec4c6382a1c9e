/** The program's standard input. Nothing is opened before it is asked for. */
import type { Readable } from 'node:stream';
import { CommandFailure } from '#cli/command-failure.ts';
import { isTerminal } from './is-terminal.ts';

export class Input {
  readonly descriptor = 0;

  get isTerminal(): boolean {
    return isTerminal(this.descriptor);
  }

  /** Its bytes, until its end or `stream.destroy()`. */
  get stream(): Readable {
    return process.stdin;
  }

  /** Docker's refusal of `-t` with an input that is no terminal. */
  requireTerminal(attached: boolean, terminal: boolean): void {
    if (!attached || !terminal || this.isTerminal) return;
    throw new CommandFailure('the input device is not a TTY');
  }
}
