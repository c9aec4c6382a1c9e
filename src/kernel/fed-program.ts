/**
 * A program that the calling thread feeds with blocking calls, and waits for in the end. The thread looks up every now and
 * then whether that is still wanted, so that a program that was stopped keeps nobody. Only for worker threads.
 */
import { closeSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { invariant } from '#base/errors/failure.ts';
import { failedWith } from './failed-with.ts';
import { checked, declare } from './libc.ts';
import { openPipe } from './pipe.ts';
import { posixSpawnDetached } from './posix-spawn.ts';

const waitpid = declare('int waitpid(int pid, _Out_ int *status, int options)');
const kill = declare('int kill(int pid, int signal)');
const poll = declare('int poll(void *descriptors, unsigned long count, int milliseconds)');

const SIGKILL = 9;
const WNOHANG = 1;
const POLLOUT = 4;
/** Milliseconds between two looks. */
const lookUp = 50;
const firstLook = 1;

export interface FedProgramOptions {
  readonly path: string;
  readonly parameters: readonly string[];
  /** Becomes its standard output; it stays open here. */
  readonly output: number;
  /** Whether what it makes is still wanted. */
  readonly isWanted: () => boolean;
}

export class FedProgram implements Disposable {
  readonly #isWanted: () => boolean;
  readonly #input: number;
  readonly #pid: number;
  #isFed = false;
  #isReaped = false;

  /** @throws kernel.syscall_failed */
  constructor({ path, parameters, output, isWanted }: FedProgramOptions) {
    invariant(!isMainThread, 'the main thread waits for no program');
    this.#isWanted = isWanted;
    const { readEnd, writeEnd } = openPipe({ nonBlocking: 'write' });
    this.#input = writeEnd;
    try {
      this.#pid = posixSpawnDetached({ path, parameters, environment: {}, descriptors: [], input: readEnd, output });
    } catch (error) {
      closeSync(writeEnd);
      throw error;
    } finally {
      closeSync(readEnd);
    }
  }

  /** Gives it all of these bytes. False when it is gone or not wanted any more. */
  write(bytes: Uint8Array): boolean {
    for (let position = 0; position < bytes.length; ) {
      try {
        position += writeSync(this.#input, bytes, position);
      } catch (error) {
        if (failedWith(error, 'EPIPE')) return false;
        if (!failedWith(error, 'EAGAIN')) throw error;
        this.#awaitRoom();
      }
      if (!this.#isWanted()) return false;
    }
    return true;
  }

  /** Tells it that its input is complete and waits for its end. @returns undefined when it ended well, else how it did */
  finish(): string | undefined {
    this.#endInput();
    for (let pause = firstLook; ; pause = Math.min(pause * 2, lookUp)) {
      const status = this.#status(WNOHANG);
      if (status !== undefined) return wordsOf(status);
      if (!this.#isWanted()) return 'it was not waited for';
      poll(null, 0, pause);
    }
  }

  /** Kills it unless it has ended. */
  [Symbol.dispose](): void {
    this.#endInput();
    if (this.#isReaped) return;
    kill(this.#pid, SIGKILL);
    this.#status(0);
  }

  #awaitRoom(): void {
    const entry = Buffer.alloc(8);
    entry.writeInt32LE(this.#input, 0);
    entry.writeInt16LE(POLLOUT, 4);
    poll(entry, 1, lookUp);
  }

  #endInput(): void {
    if (!this.#isFed) closeSync(this.#input);
    this.#isFed = true;
  }

  #status(options: number): number | undefined {
    const status = new Int32Array(1);
    if (checked(waitpid(this.#pid, status, options) as number, 'waitpid') === 0) return undefined;
    this.#isReaped = true;
    return status[0];
  }
}

/** Of a status as wait(2) has it. */
function wordsOf(status: number): string | undefined {
  const signal = status & 0x7f;
  if (signal !== 0) return `it was ended by signal ${signal}`;
  const code = (status >> 8) & 0xff;
  return code === 0 ? undefined : `it ended with status ${code}`;
}
