/** Asks the user for lines of text, on one input in turn. */
import { spawn } from 'node:child_process';
import { Terminated } from '#cli/interruption.ts';
import type { Input } from './input.ts';
import type { Output } from './output.ts';

export class Prompt {
  readonly #stdin: Input;
  readonly #stdout: Output;
  readonly #signal: AbortSignal;
  #lines: AsyncIterator<string> | undefined;

  constructor(stdin: Input, stdout: Output, signal: AbortSignal) {
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#signal = signal;
  }

  /** The next line, trimmed; empty at the end of the input. @throws the signal's reason */
  async ask(question: string): Promise<string> {
    this.#stdout.write(question);
    this.#lines ??= linesOf(this.#stdin.stream as AsyncIterable<Buffer>);
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = (): void => {
      this.#stdout.write('\n');
      if (this.#signal.reason instanceof Terminated) this.#signal.reason.answer();
      reject(this.#signal.reason);
    };
    this.#signal.addEventListener('abort', stop, { once: true });
    try {
      const step = await Promise.race([this.#lines.next(), promise]);
      return step.done === true ? '' : step.value.trim();
    } finally {
      this.#signal.removeEventListener('abort', stop);
    }
  }

  /** As {@link ask}, without the terminal showing what is typed. `note` is called once it does not. */
  async askSecret(question: string, note: () => void): Promise<string> {
    if (this.#stdin.isTerminal) await setEcho(false);
    try {
      note();
      return await this.ask(question);
    } finally {
      if (this.#stdin.isTerminal) await setEcho(true);
    }
  }

  /** Lets the program end although somebody could still type. */
  close(): void {
    if (this.#lines !== undefined) this.#stdin.stream.destroy();
  }
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let held = '';
  for await (const chunk of chunks) {
    const lines = (held + chunk.toString()).split('\n');
    held = lines.pop() ?? '';
    yield* lines;
  }
  if (held !== '') yield held;
}

async function setEcho(on: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const program = spawn('stty', [on ? 'echo' : '-echo'], { stdio: ['inherit', 'ignore', 'ignore'] });
  program.once('error', reject);
  program.once('exit', () => resolve());
  await promise;
}
