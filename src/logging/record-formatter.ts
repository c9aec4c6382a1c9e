/** Chooses among the records of a log and turns them into the bytes that a client gets. */
import { formatTimestamp, parseTimestamp } from '#base/timestamp.ts';
import type { LogQuery } from './contract.ts';
import { readRecord, type LogRecord, type RecordMemory } from './log-record.ts';

export type FormatOptions = Pick<LogQuery, 'stdout' | 'stderr' | 'since' | 'until' | 'timestamps' | 'details' | 'multiplexed'>;

const fixedLength = '2006-01-02T15:04:05.000000000Z'.length;

export class RecordFormatter {
  readonly #options: FormatOptions;
  readonly #until: string | undefined;
  readonly #memory: RecordMemory = { attributesText: '', attributes: '' };
  /** Cleared by the first record that is late enough: clocks go back, and later records count then. */
  #since: string | undefined;
  #output = '';
  #finished = false;

  constructor(options: FormatOptions) {
    this.#options = options;
    this.#since = options.since === undefined ? undefined : fixedTimestamp(formatTimestamp(options.since));
    this.#until = options.until === undefined ? undefined : fixedTimestamp(formatTimestamp(options.until));
  }

  /** A record after the wanted time was met: nothing more is wanted. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Bytes waiting to be taken. */
  get pending(): number {
    return this.#output.length;
  }

  /** Takes whole lines (one byte per character), the last one with its end. What is no record is left out. */
  add(text: string): void {
    let start = 0;
    while (start < text.length && !this.#finished) {
      const end = text.indexOf('\n', start);
      if (end === -1) return;
      if (end > start) {
        const record = readRecord(text, start, end, this.#memory);
        if (record !== undefined) this.#addRecord(record);
      }
      start = end + 1;
    }
  }

  /** The bytes collected so far; undefined when there are none. */
  take(): Buffer | undefined {
    if (this.#output === '') return undefined;
    const bytes = Buffer.from(this.#output, 'latin1');
    this.#output = '';
    return bytes;
  }

  #addRecord(record: LogRecord): void {
    const options = this.#options;
    if (this.#since !== undefined) {
      if (fixedTimestamp(record.time) < this.#since) return;
      this.#since = undefined;
    }
    if (this.#until !== undefined && fixedTimestamp(record.time) > this.#until) {
      this.#finished = true;
      return;
    }
    const error = record.stream === 'stderr';
    if (!(error ? options.stderr : options.stdout)) return;
    let line = record.line;
    if (options.details) line = `${record.attributes} ${line}`;
    if (options.timestamps) line = `${fixedTimestamp(record.time)} ${line}`;
    this.#output += options.multiplexed ? frameHeader(error ? 2 : 1, line.length) + line : line;
  }
}

/** The header of a frame: stream, three zeros, length with the highest byte first. */
function frameHeader(stream: 1 | 2, length: number): string {
  return String.fromCharCode(stream, 0, 0, 0, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** Nine digits of fraction in UTC, so that texts compare like the moments. */
function fixedTimestamp(time: string): string {
  if (time.length === fixedLength && time.endsWith('Z')) return time;
  if (/^[^.]{19}\.\d{1,8}Z$/.test(time)) return `${time.slice(0, -1).padEnd(fixedLength - 1, '0')}Z`;
  const moment = parseTimestamp(time);
  if (moment === undefined) return time;
  const text = formatTimestamp(moment);
  const fraction = text.slice(20, -1);
  return `${text.slice(0, 19)}.${fraction.padEnd(9, '0')}Z`;
}
