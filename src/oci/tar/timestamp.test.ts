import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPaxTime, writePaxTime } from './timestamp.ts';

const pairs = [
  ['0', 0, 0],
  ['1.5', 1, 500_000_000],
  ['-1', -1, 0],
  ['-0.25', -1, 750_000_000],
  ['-1.5', -2, 500_000_000],
  ['1700000000.000000001', 1_700_000_000, 1],
  ['8589934592.123456789', 8_589_934_592, 123_456_789],
] as const;

for (const [text, seconds, nanoseconds] of pairs) {
  test(`the pax time ${text} must be read and written`, () => {
    assert.deepEqual(readPaxTime(text), { seconds, nanoseconds });
    assert.equal(writePaxTime({ seconds, nanoseconds }), text);
  });
}

test('digits beyond nanoseconds must be dropped', () => {
  assert.deepEqual(readPaxTime('7.1234567899'), { seconds: 7, nanoseconds: 123_456_789 });
  assert.deepEqual(readPaxTime('7.'), { seconds: 7, nanoseconds: 0 });
});

test('what is no decimal number must be refused', () => {
  for (const text of ['', '-', '.5', '1e3', '1.x', ' 1', '99999999999999999']) assert.throws(() => readPaxTime(text), { code: 'layer.invalid_archive' });
});
