import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framedMessages, rawMessages, type LogPiece } from './log-messages.ts';
import { LogPosition } from './log-position.ts';

type Message = readonly [time: number, text: string];

const timeOf = (second: number): string => `2024-01-02T03:04:${String(second).padStart(2, '0')}.000000005Z`;

function frame(stream: number, text: string): Buffer {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

const framed = (messages: readonly Message[]): Buffer => Buffer.concat(messages.map(([time, text]) => frame(1, `${timeOf(time)} ${text}`)));
const raw = (messages: readonly Message[]): Buffer => Buffer.concat(messages.map(([time, text]) => Buffer.from(`${timeOf(time)} ${text}`)));

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function show(position: LogPosition, pieces: AsyncIterable<LogPiece>): Promise<string> {
  let shown = '';
  for await (const { time, data, last } of pieces) {
    if (time !== undefined) position.begin(time);
    shown += position.take(data).toString();
    if (last) position.end();
  }
  return shown;
}

const forms = [['frames', framed, framedMessages], ['raw', raw, rawMessages]] as const;

for (const [form, encode, messagesOf] of forms) {
  test(`a log cut off anywhere and asked for again from its last time must give every byte once (${form})`, async () => {
    const messages: Message[] = [[1, 'a\n'], [2, 'one\n'], [2, 'two\n'], [2, '\n'], [3, 'x'.repeat(40)], [3, '\n'], [4, `${timeOf(9)} is text\n`], [4, 'same\n'], [4, 'same\n'], [5, 'end\n']];
    // A message without the end of its line is followed by the rest of the line: whole lines only, where there are no frames.
    const log = form === 'raw' ? messages.filter(([, text]) => text.endsWith('\n')) : messages;
    const all = log.map(([, text]) => text).join('');
    const bytes = encode(log);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const position = new LogPosition(false);
      let shown = await show(position, messagesOf(inPieces(bytes.subarray(0, cut), 7)));
      const rest = (): Buffer => encode(log.filter(([time]) => position.time === '' || timeOf(time) >= position.time));
      // Daemons that end at once, and while they give what is known.
      position.beginAgain();
      position.beginAgain();
      shown += await show(position, messagesOf(inPieces(rest().subarray(0, cut % 90), 1000)));
      position.beginAgain();
      shown += await show(position, messagesOf(inPieces(rest(), 1000)));
      assert.equal(shown, all, `cut at ${cut}`);
    }
  });
}

test('a tail that began in the middle of one moment must not be given again', async () => {
  const position = new LogPosition(true);
  assert.equal(await show(position, framedMessages(inPieces(framed([[2, 'two\n'], [2, 'three\n']]), 100))), 'two\nthree\n');
  position.beginAgain();
  assert.equal(await show(position, framedMessages(inPieces(framed([[2, 'one\n'], [2, 'two\n'], [2, 'three\n'], [3, 'four\n']]), 100))), 'four\n');
});

test('messages of a terminal that are no whole lines must be told from each other', async () => {
  const long = 'y'.repeat(16_384);
  for (const cut of [16_384, 16_383, 16_382, 16_381]) {
    const messages: Message[] = [[1, 'a\r\n'], [2, long.slice(0, cut)], [2, `${long.slice(cut)}more\r\n`], [3, long.slice(0, cut)], [3, 'z'.repeat(16_384)], [4, 'end\r\n']];
    for (const size of [1000, 16_384, 1_000_000]) {
      const found: [string, number][] = [];
      for await (const { time, data } of rawMessages(inPieces(raw(messages), size))) {
        if (time !== undefined) found.push([time, 0]);
        const last = found.at(-1);
        if (last !== undefined) last[1] += data.length;
      }
      assert.deepEqual(found, messages.map(([time, text]) => [timeOf(time), text.length]));
    }
  }
});
