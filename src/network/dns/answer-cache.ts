/** Answers of name servers, kept as long as their records live; that there are none, as long as RFC 2308 says. Names of containers never come here. */
import { answerCount, codeOf, isTruncated, lifetimeOffsets, negativeLifetime, responseCode } from './message.ts';

/** Seconds for which it is taken for right at most that there is no such name or record (RFC 2308, 5). */
const longestNegative = 300;

const entryLimit = 1000;

interface Entry {
  readonly message: Buffer;
  readonly offsets: readonly number[];
  /** Milliseconds of the clock that never goes back. */
  readonly storedAt: number;
  readonly expiresAt: number;
}

export class AnswerCache {
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The kept answer with its records' age taken off, for the query of this number. */
  get(key: string, identifier: number): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (now >= entry.expiresAt) {
      this.#entries.delete(key);
      return undefined;
    }
    const message = Buffer.from(entry.message);
    message.writeUInt16BE(identifier, 0);
    const age = Math.floor((now - entry.storedAt) / 1000);
    for (const offset of entry.offsets) message.writeUInt32BE(Math.max(0, message.readUInt32BE(offset) - age), offset);
    return message;
  }

  /** Keeps answers that are whole and say what there is, or that there is nothing. */
  put(key: string, message: Buffer): void {
    const code = codeOf(message);
    if ((code !== responseCode.success && code !== responseCode.nameError) || isTruncated(message)) return;
    const offsets = lifetimeOffsets(message);
    if (offsets === undefined || offsets.length === 0) return;
    const negative = code === responseCode.nameError || answerCount(message) === 0;
    const seconds = negative ? Math.min(longestNegative, negativeLifetime(message) ?? 0) : Math.min(...offsets.map((offset) => message.readUInt32BE(offset)));
    if (seconds === 0) return;
    const now = this.#now();
    this.#entries.delete(key);
    this.#entries.set(key, { message: Buffer.from(message), offsets, storedAt: now, expiresAt: now + seconds * 1000 });
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= entryLimit) break;
      this.#entries.delete(oldest);
    }
  }
}
