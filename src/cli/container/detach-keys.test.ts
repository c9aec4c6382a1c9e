import assert from 'node:assert/strict';
import test from 'node:test';
import { defaultDetachKeys, DetachKeyFilter, parseDetachKeys } from './detach-keys.ts';

test('key names must mean their bytes', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), [16, 17]);
  assert.deepEqual(parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,DEL'), [97, 0, 27, 28, 29, 30, 31, 127]);
  assert.throws(() => parseDetachKeys('ctrl-p,foo'), { message: "Unknown character: 'foo'" });
});

function type(...pieces: readonly string[]): { sent: string; detached: boolean } {
  const filter = new DetachKeyFilter(defaultDetachKeys);
  let sent = '';
  for (const piece of pieces) {
    const { pass, detached } = filter.take(Buffer.from(piece));
    sent += pass.toString();
    if (detached) return { sent, detached };
  }
  return { sent, detached: false };
}

test('the sequence must detach, whole or in pieces, and never be sent', () => {
  assert.deepEqual(type('ls\r\x10\x11rest'), { sent: 'ls\r', detached: true });
  assert.deepEqual(type('a\x10', '\x11'), { sent: 'a', detached: true });
});

test('a beginning that comes to nothing must be sent after all', () => {
  assert.deepEqual(type('\x10', 'x'), { sent: '\x10x', detached: false });
  assert.deepEqual(type('\x10\x10\x11'), { sent: '\x10', detached: true });
});
