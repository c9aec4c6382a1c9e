/**
 * What SIGINT and SIGTERM do: the first aborts what the command is waiting for, unless the command has taken
 * the signals over; the third ends the program whatever it does.
 */
import type { Output } from './streams/output.ts';

/** The reason of an abort by a signal. */
export class Terminated extends Error {
  override readonly name = 'Terminated';
  #exitCode: number;

  constructor(name: 'SIGINT' | 'SIGTERM') {
    super('');
    this.#exitCode = name === 'SIGINT' ? 130 : 143;
  }

  /** 128 and the signal's number; 0 when it came in place of an answer. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** It came while the user was asked something: for Docker an answer like another. */
  answer(): void {
    this.#exitCode = 0;
  }
}

export class Interruption {
  readonly #controller = new AbortController();
  #count = 0;
  #isTakenOver = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on the command itself deals with signals (it forwards them to a container, say). */
  takeOver(): void {
    this.#isTakenOver = true;
  }

  /** Listens until the program ends. */
  listen(stderr: Output): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        this.#count++;
        if (this.#count === 1 && !this.#isTakenOver) this.#controller.abort(new Terminated(name));
        if (this.#count < 3) return;
        stderr.write('\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n');
        process.exit(1);
      });
    }
  }
}
