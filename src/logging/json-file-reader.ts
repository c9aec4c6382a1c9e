/**
 * Reads logs in Docker's json-file format: past lines over all rotated files, then new ones as they are
 * written, woken by inotify. Reads no further than the client takes, keeps no line twice nor loses one
 * at a rotation, and passes over what is no record (a line cut off by a crash).
 */
import { dirname } from 'node:path';
import type { LogQuery } from './contract.ts';
import { ChangeWatcher } from './change-watcher.ts';
import { LineBuffer } from './line-buffer.ts';
import type { LogFile } from './log-file.ts';
import { closeAll, openLogFiles, openSuccessor } from './log-files.ts';
import { RecordFormatter } from './record-formatter.ts';
import { tailStarts, type FileStart } from './tail-start.ts';

const chunkSize = 256 * 1024;

/** A {@link LogReader}. Ends without an error when the signal aborts. @throws the system's error when a file cannot be read */
export async function* readJsonFileLog(query: LogQuery): AsyncGenerator<Buffer> {
  if (query.signal.aborted) return;
  using watcher = query.followUntil === undefined ? undefined : new ChangeWatcher(dirname(query.path));
  const formatter = new RecordFormatter(query);
  const reader = new LogReading(query, formatter);
  try {
    yield* reader.past();
    if (watcher !== undefined && query.followUntil !== undefined) yield* reader.following(watcher, query.followUntil);
  } finally {
    await reader.close();
  }
}

class LogReading {
  readonly #query: LogQuery;
  readonly #formatter: RecordFormatter;
  readonly #chunk = Buffer.allocUnsafe(chunkSize);
  #open: LogFile[] = [];
  /** The newest file, with what is read of it. */
  #current: LogFile | undefined;
  #lines = new LineBuffer();
  #position = 0;

  constructor(query: LogQuery, formatter: RecordFormatter) {
    this.#query = query;
    this.#formatter = formatter;
  }

  get #done(): boolean {
    return this.#formatter.finished || this.#query.signal.aborted;
  }

  /** What is in the log now, from the line that `tail` asks for. */
  async *past(): AsyncGenerator<Buffer> {
    this.#open = await openLogFiles(this.#query.path);
    this.#current = this.#open.at(-1);
    const { tail } = this.#query;
    // What is written from now on is not the past: a busy container would keep it from ending.
    const end = (await this.#current?.size()) ?? 0;
    const all = tail === undefined || tail < 0;
    const starts = all ? this.#open.map((file) => ({ file, offset: 0, lines: 0 })) : await tailStarts(this.#open, tail, end);
    if (tail === 0 && this.#current !== undefined) this.#position = await endOfLastLine(this.#current, this.#chunk, end);
    for (const start of starts) {
      if (this.#done) break;
      if (start.file.compressed) {
        yield* this.#compressed(start);
      } else if (start.file === this.#current) {
        this.#position = start.offset;
        yield* this.#readOn(end);
      } else {
        yield* this.#older(start);
      }
    }
  }

  /** New lines until `ended` resolves and everything before that is read. */
  async *following(watcher: ChangeWatcher, ended: Promise<unknown>): AsyncGenerator<Buffer> {
    let over = false;
    const finish = (): void => {
      over = true;
      watcher.notify();
    };
    ended.then(finish, finish);
    const wake = (): void => watcher.notify();
    this.#query.signal.addEventListener('abort', wake, { once: true });
    try {
      while (!this.#done) {
        const last = over;
        const read = yield* this.#newest();
        if (read) continue;
        if (last) return;
        await watcher.next();
      }
    } finally {
      this.#query.signal.removeEventListener('abort', wake);
    }
  }

  async close(): Promise<void> {
    await closeAll(this.#open);
    this.#open = [];
  }

  /** Reads on in the newest file and those after it; whether there was anything. */
  async *#newest(): AsyncGenerator<Buffer, boolean> {
    if (this.#current === undefined) {
      const [first] = (this.#open = await openLogFiles(this.#query.path));
      if (first === undefined) return false;
      this.#turnTo(first);
    }
    const current = this.#current;
    if (current === undefined) return false;
    if ((await current.size()) < this.#position) this.#turnTo(current);
    const before = this.#position;
    yield* this.#readOn();
    if (this.#done) return true;
    const successor = await openSuccessor(this.#query.path, current);
    if (successor === undefined) return this.#position !== before;
    this.#open.push(successor);
    // Nothing is written to a file once it has its new name: this reads the last of it.
    yield* this.#readOn();
    this.#turnTo(successor);
    if (successor.compressed) yield* this.#compressed({ file: successor, offset: 0, lines: 0 });
    await this.#closeAllBut(successor);
    return true;
  }

  #turnTo(file: LogFile): void {
    this.#current = file;
    this.#position = 0;
    this.#lines = new LineBuffer();
  }

  async #closeAllBut(file: LogFile): Promise<void> {
    await closeAll(this.#open.filter((other) => other !== file));
    this.#open = [file];
  }

  /** Reads the newest file from where that was left, up to `limit` or the end. */
  async *#readOn(limit = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
    const file = this.#current;
    if (file === undefined || file.compressed) return;
    while (!this.#done && this.#position < limit) {
      const length = await file.read(this.#chunk.subarray(0, Math.min(chunkSize, limit - this.#position)), this.#position);
      if (length === 0) return;
      this.#position += length;
      this.#formatter.add(this.#lines.add(this.#chunk.subarray(0, length)));
      yield* this.#flush();
    }
  }

  async *#older(start: FileStart): AsyncGenerator<Buffer> {
    const lines = new LineBuffer();
    for (let position = start.offset; !this.#done; ) {
      const length = await start.file.read(this.#chunk, position);
      if (length === 0) return;
      position += length;
      this.#formatter.add(lines.add(this.#chunk.subarray(0, length)));
      yield* this.#flush();
    }
  }

  async *#compressed(start: FileStart): AsyncGenerator<Buffer> {
    const lines = new LineBuffer();
    let skipped = 0;
    for await (const chunk of start.file.content()) {
      if (this.#done) return;
      let text = lines.add(chunk);
      while (skipped < start.lines && text !== '') {
        text = text.slice(text.indexOf('\n') + 1);
        skipped += 1;
      }
      this.#formatter.add(text);
      yield* this.#flush();
    }
  }

  *#flush(): Generator<Buffer> {
    const bytes = this.#formatter.take();
    if (bytes !== undefined && !this.#query.signal.aborted) yield bytes;
  }
}

/** With a line being written, the next line to come is that one: it begins after the last line's end. */
async function endOfLastLine(file: LogFile, buffer: Buffer, size: number): Promise<number> {
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - buffer.length);
    const length = await file.read(buffer.subarray(0, end - begin), begin);
    const place = buffer.subarray(0, length).lastIndexOf(10);
    if (place !== -1) return begin + place + 1;
    end = begin;
  }
  return 0;
}
