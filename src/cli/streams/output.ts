/**
 * One of the program's two outputs, written without Node's stream objects (which cost milliseconds to make).
 * A closed reader ends the program as SIGPIPE ends any other.
 */
import { writeSync, write as writeLater } from 'node:fs';
import { isTerminal } from './is-terminal.ts';

export class Output {
  readonly descriptor: number;
  readonly #order: WriteOrder;
  #terminal: import('node:tty').WriteStream | undefined;

  /** Outputs that may be one pipe share `order`, so that what streams through both stays in sequence. */
  constructor(descriptor: number, order: WriteOrder) {
    this.descriptor = descriptor;
    this.#order = order;
  }

  get isTerminal(): boolean {
    return isTerminal(this.descriptor);
  }

  /** The terminal's size; zeros when it is none. */
  get size(): { rows: number; columns: number } {
    if (!this.isTerminal) return { rows: 0, columns: 0 };
    this.#terminal ??= new (process.getBuiltinModule('node:tty').WriteStream)(this.descriptor);
    const [columns, rows] = this.#terminal.getWindowSize();
    return { rows, columns };
  }

  /** Writes all of it before it returns. */
  write(data: string | Uint8Array): void {
    let rest = typeof data === 'string' ? Buffer.from(data) : data;
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.descriptor, rest));
      } catch (error) {
        if (codeOf(error) === 'EAGAIN') waitAMoment();
        else endAtClosedReader(error);
      }
    }
  }

  writeLine(text = ''): void {
    this.write(`${text}\n`);
  }

  /** Writes without holding up the program, for streams; resolves when it is written. */
  stream(data: Uint8Array): Promise<void> {
    const written = this.#order.last.then(() => this.#writeWhole(data));
    this.#order.last = written;
    return written;
  }

  async #writeWhole(data: Uint8Array): Promise<void> {
    let rest = data;
    while (rest.length > 0) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      writeLater(this.descriptor, rest, (error, count) => (error === null ? resolve(count) : reject(error)));
      try {
        rest = rest.subarray(await promise);
      } catch (error) {
        if (codeOf(error) === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, 2));
        else endAtClosedReader(error);
      }
    }
  }
}

export interface WriteOrder {
  last: Promise<void>;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** A non-blocking descriptor shared with another program is full: nothing tells when it is not, save trying again. */
function waitAMoment(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
}

function endAtClosedReader(error: unknown): void {
  // A socket whose reader left something unread says so in another way.
  if (codeOf(error) !== 'EPIPE' && codeOf(error) !== 'ECONNRESET') throw error;
  // Node ignores SIGPIPE; taking a handler off again restores the signal's default.
  const ignore = (): void => {};
  process.on('SIGPIPE', ignore);
  process.off('SIGPIPE', ignore);
  process.kill(process.pid, 'SIGPIPE');
}
