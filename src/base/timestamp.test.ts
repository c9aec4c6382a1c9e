import assert from 'node:assert/strict';
import test from 'node:test';
import { formatTimestamp, nowNanoseconds, parseTimestamp } from './timestamp.ts';

test('a timestamp must be printed as Go prints RFC3339Nano and read back unchanged', () => {
  for (const [nanoseconds, text] of [
    [0n, '1970-01-01T00:00:00Z'],
    [1_700_000_000_123_456_789n, '2023-11-14T22:13:20.123456789Z'],
    [1_700_000_000_120_000_000n, '2023-11-14T22:13:20.12Z'],
  ] as const) {
    assert.equal(formatTimestamp(nanoseconds), text);
    assert.equal(parseTimestamp(text), nanoseconds);
  }
  assert.equal(parseTimestamp('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
  assert.equal(parseTimestamp('yesterday'), undefined);
});

test('the clock must agree with the system clock and go on in nanoseconds', () => {
  const first = nowNanoseconds();
  const second = nowNanoseconds();
  assert.ok(second > first);
  assert.ok(Math.abs(Number(first / 1_000_000n) - Date.now()) < 50);
});
