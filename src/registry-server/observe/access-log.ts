/** The access log: one line of JSON for every request, when its answer has ended. */
import { createWriteStream, type WriteStream } from 'node:fs';

export interface AccessRecord {
  readonly time: string;
  readonly remote: string;
  readonly user?: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly repository?: string;
  readonly status: number;
  /** Bytes of the body. */
  readonly received: number;
  /** Bytes of the answer, with its head. */
  readonly sent: number;
  readonly milliseconds: number;
  readonly agent?: string;
  /** The error code the client was told. */
  readonly error?: string;
  readonly reason?: string;
}

/** What a slow reader of the log may hold back, in bytes; beyond it lines are dropped rather than memory filled. */
const mostWaiting = 1024 * 1024;

export class AccessLog implements AsyncDisposable {
  readonly #output: WriteStream | NodeJS.WriteStream;
  readonly #isFile: boolean;

  private constructor(output: WriteStream | NodeJS.WriteStream, isFile: boolean) {
    this.#output = output;
    this.#isFile = isFile;
    // A log nobody reads any more must not end the server.
    output.on('error', () => undefined);
  }

  /** To a file, or with `-` to standard output. */
  static async open(path: string): Promise<AccessLog> {
    if (path === '-') return new AccessLog(process.stdout, false);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const file = createWriteStream(path, { flags: 'a', mode: 0o640 });
    file.once('open', () => resolve());
    file.once('error', reject);
    await promise;
    return new AccessLog(file, true);
  }

  write(record: AccessRecord): void {
    if (this.#output.writableLength < mostWaiting) this.#output.write(`${JSON.stringify(record)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isFile) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#output.end(() => resolve());
    await promise;
  }
}
