/** Takes apart the bytes of a log with timestamps: messages, each of which begins with its time. */
import { readFrames } from '#client/stream-frames.ts';

/** `2006-01-02T15:04:05.000000000Z ` */
const timeLength = 31;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z $/;
/** Bytes after which a message ends without the end of its line; it may be some less, for a character that is not torn. */
const longest = 16_384;
const shortest = longest - 3;

export interface LogPiece {
  /** 1 stdout, 2 stderr. */
  readonly stream: number;
  /** Of a piece that begins a message. */
  readonly time?: string;
  readonly data: Buffer;
  /** Whether the message is complete with it. */
  readonly last: boolean;
}

/** A log in frames: one for each message. */
export async function* framedMessages(source: AsyncIterable<Buffer>): AsyncGenerator<LogPiece> {
  let head: Buffer | undefined;
  for await (const { stream, data, first, last } of readFrames(source)) {
    if (first) head = Buffer.alloc(0);
    if (head === undefined) {
      yield { stream, data, last };
      continue;
    }
    head = Buffer.concat([head, data]);
    if (head.length < timeLength && !last) continue;
    yield { stream, time: timeAt(head, 0) ?? '', data: timeAt(head, 0) === undefined ? head : head.subarray(timeLength), last };
    head = undefined;
  }
}

/** A terminal's log: nothing but the bytes of its messages, one after the other. */
export async function* rawMessages(source: AsyncIterable<Buffer>): AsyncGenerator<LogPiece> {
  let held: Buffer = Buffer.alloc(0);
  let time: string | undefined;
  /** Bytes of the message that were given; undefined: none has begun. */
  let given: number | undefined;
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (given === undefined) {
        if (held.length < timeLength) break;
        time = timeAt(held, 0) ?? '';
        if (time !== '') held = held.subarray(timeLength);
        given = 0;
      }
      const { length, last } = lengthOf(held, given);
      if (length === 0) break;
      yield { stream: 1, ...(time !== undefined && { time }), data: held.subarray(0, length), last };
      held = held.subarray(length);
      time = undefined;
      given = last ? undefined : given + length;
    }
  }
  // A time that is not whole is no message.
  if (given !== undefined && held.length > 0) yield { stream: 1, data: held, last: false };
}

/** How many bytes certainly belong to the message of which `given` went before. */
function lengthOf(held: Buffer, given: number): { readonly length: number; readonly last: boolean } {
  const line = held.indexOf(0x0a) + 1;
  for (let cut = Math.max(1, shortest - given); cut <= longest - given && (line === 0 || cut < line); cut++) {
    // Whether the next message begins here is not known before all of its time is there.
    if (held.length < cut + timeLength && line === 0) return { length: Math.min(held.length, cut - 1), last: false };
    if (timeAt(held, cut) !== undefined) return { length: cut, last: true };
  }
  return line === 0 ? { length: held.length, last: false } : { length: line, last: true };
}

function timeAt(bytes: Buffer, at: number): string | undefined {
  const text = bytes.toString('latin1', at, at + timeLength);
  return timePattern.test(text) ? text.slice(0, -1) : undefined;
}
