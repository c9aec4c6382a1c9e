/** Reads the messages of a log in order from a position on, over rotations. Files that were compressed are read already. */
import { randomBytes } from 'node:crypto';
import { parseTimestamp } from '#base/timestamp.ts';
import type { LogMessage } from '../drivers/log-driver.ts';
import type { LogFile } from '../log-file.ts';
import { closeAll, openLogFiles, openSuccessor } from '../log-files.ts';
import { readRecord, type RecordMemory } from '../log-record.ts';
import type { ForwardPosition } from './forward-position.ts';

const chunkSize = 256 * 1024;
const newline = 10;

export class MessageSource implements AsyncDisposable {
  readonly #path: string;
  readonly #chunk = Buffer.allocUnsafe(chunkSize);
  readonly #memory: RecordMemory = { attributesText: '', attributes: '' };
  readonly #partials = new Map<string, { id: string; ordinal: number }>();
  #current: LogFile | undefined;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Where the next message begins; undefined before there is a file. */
  get position(): ForwardPosition | undefined {
    const file = this.#current;
    return file === undefined ? undefined : { device: file.device, inode: file.inode, offset: this.#offset };
  }

  /** Begins at a position, or where its file is gone, with the oldest there is. */
  async begin(position: ForwardPosition | undefined): Promise<void> {
    const files = (await openLogFiles(this.#path));
    const plain = files.filter(({ compressed }) => !compressed);
    const known = plain.find((file) => file.inode === position?.inode && file.device === position.device);
    const first = known ?? plain[0];
    await closeAll(files.filter((file) => file !== first));
    this.#current = first;
    this.#offset = known !== undefined && position !== undefined && position.offset <= (await known.size()) ? position.offset : 0;
  }

  /** The next messages, as many as one read gives; empty at the end of what is written. */
  async next(): Promise<LogMessage[]> {
    if (this.#current === undefined) await this.begin(undefined);
    while (this.#current !== undefined) {
      const messages = await this.#read(this.#current);
      if (messages !== undefined) return messages;
      const successor = await openSuccessor(this.#path, this.#current);
      if (successor === undefined) return [];
      // Nothing is written to a file once it has its new name: this reads the last of it.
      const last = await this.#read(this.#current);
      if (last !== undefined) {
        await successor[Symbol.asyncDispose]();
        return last;
      }
      await this.#current[Symbol.asyncDispose]();
      this.#current = successor;
      this.#offset = 0;
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#current?.[Symbol.asyncDispose]();
    this.#current = undefined;
  }

  /** Undefined: no whole line more. */
  async #read(file: LogFile): Promise<LogMessage[] | undefined> {
    for (;;) {
      const length = await file.read(this.#chunk, this.#offset);
      const end = this.#chunk.subarray(0, length).lastIndexOf(newline) + 1;
      if (end === 0) {
        if (length < chunkSize) return undefined;
        // No record is that long.
        this.#offset += length;
        continue;
      }
      this.#offset += end;
      const messages = this.#messagesOf(this.#chunk.toString('latin1', 0, end));
      if (messages.length > 0) return messages;
    }
  }

  #messagesOf(text: string): LogMessage[] {
    const messages: LogMessage[] = [];
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      const record = end > start ? readRecord(text, start, end, this.#memory) : undefined;
      if (record !== undefined) {
        const whole = record.line.endsWith('\n');
        messages.push({
          stream: record.stream,
          time: parseTimestamp(record.time) ?? 0n,
          line: Buffer.from(whole ? record.line.slice(0, -1) : record.line, 'latin1'),
          partial: this.#partialOf(record.stream, whole),
        });
      }
      start = end + 1;
    }
    return messages;
  }

  #partialOf(stream: string, whole: boolean): LogMessage['partial'] {
    const begun = this.#partials.get(stream);
    if (begun === undefined && whole) return undefined;
    const partial = begun ?? { id: randomBytes(32).toString('hex'), ordinal: 0 };
    partial.ordinal += 1;
    if (whole) this.#partials.delete(stream);
    else this.#partials.set(stream, partial);
    return { id: partial.id, ordinal: partial.ordinal, last: whole };
  }
}
