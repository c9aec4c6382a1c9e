/** A log in a directory of its own, written and rotated as the engine's shim does. */
import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogQuery } from '#logging/contract.ts';
import { readJsonFileLog } from '#logging/json-file-reader.ts';

export class LogFixture implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dhow-log-'));
  readonly path = join(this.directory, 'container-json.log');
  #seconds = 0;

  constructor() {
    writeFileSync(this.path, '');
  }

  /** Appends records one second apart, beginning at 00:00:00. */
  write(lines: readonly string[], stream: 'stdout' | 'stderr' = 'stdout', attrs?: Readonly<Record<string, string>>): void {
    appendFileSync(this.path, lines.map((log) => this.record(log, stream, attrs)).join(''));
  }

  record(log: string, stream: 'stdout' | 'stderr', attrs?: Readonly<Record<string, string>>): string {
    const time = new Date(Date.UTC(2026, 0, 1, 0, 0, this.#seconds)).toISOString().replace('.000Z', '.5Z');
    this.#seconds += 1;
    return `${JSON.stringify({ log, stream, ...(attrs === undefined ? {} : { attrs }), time })}\n`;
  }

  append(bytes: string | Buffer): void {
    appendFileSync(this.path, bytes);
  }

  rotate(files: number): void {
    for (let number = files - 1; number >= 1; number -= 1) {
      const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
      if (existsSync(from)) renameSync(from, `${this.path}.${number}`);
    }
    writeFileSync(this.path, '');
  }

  query(more: Partial<LogQuery> = {}): LogQuery {
    return {
      path: this.path,
      stdout: true,
      stderr: true,
      since: undefined,
      until: undefined,
      tail: undefined,
      timestamps: false,
      details: false,
      multiplexed: false,
      followUntil: undefined,
      signal: new AbortController().signal,
      ...more,
    };
  }

  async text(more: Partial<LogQuery> = {}): Promise<string> {
    return (await this.bytes(more)).toString();
  }

  async bytes(more: Partial<LogQuery> = {}): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(readJsonFileLog(this.query(more))));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Nanoseconds of a second after the fixture's beginning. */
export function second(seconds: number): bigint {
  return BigInt(Date.UTC(2026, 0, 1, 0, 0, seconds)) * 1_000_000n;
}
