/**
 * The engine's events on disk, so that questions about the past have an answer after a restart: append-only segments
 * of lines, the oldest of which go. What is appended in one turn of the loop is written together at its end, with
 * one call; a daemon that is killed loses at most that turn's.
 */
import { closeSync, createReadStream, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf } from '#base/errors/failure.ts';
import { formatEvent, parseEvent, type EventMessage } from '#schema/event-message.ts';

export interface EventArchiveOptions {
  readonly directory: string;
  readonly warn: (message: string) => void;
  /** Bytes of a segment, and how many stay. */
  readonly segmentSize?: number;
  readonly segments?: number;
}

const defaultSegmentSize = 4 * 1024 * 1024;
const defaultSegments = 8;
const segmentName = /^(\d+)\.events$/;

export class EventArchive implements Disposable {
  readonly #options: EventArchiveOptions;
  readonly #segmentSize: number;
  #file: number | undefined;
  #size = 0;
  #waiting = '';
  #scheduled = false;
  #broken = false;

  constructor(options: EventArchiveOptions) {
    this.#options = options;
    this.#segmentSize = options.segmentSize ?? defaultSegmentSize;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  }

  append(event: EventMessage): void {
    if (this.#waiting === '') this.#makeRoom(event.timeNano);
    this.#waiting += `${formatEvent(event)}\n`;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Writes what waits. Events never stop the engine: a full disk costs some of them, and is told once. */
  flush(): void {
    if (this.#waiting === '' || this.#file === undefined) return;
    const text = this.#waiting;
    this.#waiting = '';
    try {
      this.#size += writeSync(this.#file, text);
      this.#broken = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  /** Events from `since` to `until`, both included, oldest first. What is no event (a line cut off by a crash) is passed over. */
  async *read(since: bigint, until: bigint): AsyncGenerator<EventMessage> {
    this.flush();
    const segments = this.#list();
    for (const [place, { path, begins }] of segments.entries()) {
      if (begins > until) return;
      const next = segments[place + 1];
      if (next !== undefined && next.begins < since) continue;
      for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
        const event = readEvent(line);
        if (event === undefined || event.timeNano < since) continue;
        if (event.timeNano > until) return;
        yield event;
      }
    }
  }

  [Symbol.dispose](): void {
    this.flush();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Opens the newest segment, or begins one where that is full. */
  #makeRoom(moment: bigint): void {
    if (this.#file !== undefined && this.#size < this.#segmentSize) return;
    try {
      const segments = this.#list();
      const newest = segments.at(-1);
      const goesOn = this.#file === undefined && newest !== undefined && newest.size < this.#segmentSize;
      const path = goesOn ? newest.path : join(this.#options.directory, `${moment}.events`);
      if (this.#file !== undefined) closeSync(this.#file);
      this.#file = undefined;
      this.#file = openSync(path, 'a', 0o600);
      // A line that a crash cut off ends here.
      this.#size = goesOn ? newest.size + writeSync(this.#file, '\n') : 0;
      const kept = this.#options.segments ?? defaultSegments;
      const surplus = segments.length + (goesOn ? 0 : 1) - kept;
      for (const { path: old } of segments.slice(0, Math.max(0, surplus))) unlinkSync(old);
    } catch (error) {
      this.#complain(error);
    }
  }

  #list(): { path: string; begins: bigint; size: number }[] {
    const { directory } = this.#options;
    return readdirSync(directory)
      .flatMap((name) => {
        const begins = segmentName.exec(name)?.[1];
        return begins === undefined ? [] : [{ path: join(directory, name), begins: BigInt(begins), size: statSync(join(directory, name)).size }];
      })
      .toSorted((a, b) => (a.begins < b.begins ? -1 : 1));
  }

  #complain(error: unknown): void {
    if (!this.#broken) this.#options.warn(`could not keep events: ${messageOf(error)}; they are still sent to who listens`);
    this.#broken = true;
  }
}

function readEvent(line: string): EventMessage | undefined {
  if (line === '') return undefined;
  try {
    return parseEvent(line);
  } catch {
    return undefined;
  }
}
