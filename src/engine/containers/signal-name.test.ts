import assert from 'node:assert/strict';
import test from 'node:test';
import { parseSignal } from './signal-name.ts';

test('signals must be read by name in any form and by number', () => {
  for (const [text, number] of [['KILL', 9], ['SIGKILL', 9], ['sigterm', 15], ['9', 9], ['64', 64], ['RTMIN', 34], ['SIGRTMIN+3', 37], ['RTMAX-1', 63]] as const) {
    assert.equal(parseSignal(text), number, text);
  }
  for (const text of ['', 'BOGUS', '0', '65', '-9', 'RTMAX+1', 'KILL9']) assert.equal(parseSignal(text), undefined, text);
});
