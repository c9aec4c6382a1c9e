import assert from 'node:assert/strict';
import test from 'node:test';
import { parseGoDuration } from './go-duration.ts';

test('spans in Go’s spelling must be read to the nanosecond, others refused', () => {
  assert.equal(parseGoDuration('1h30m'), 5_400_000_000_000n);
  assert.equal(parseGoDuration('1.5s'), 1_500_000_000n);
  assert.equal(parseGoDuration('.5ms'), 500_000n);
  assert.equal(parseGoDuration('-2s'), -2_000_000_000n);
  assert.equal(parseGoDuration('0'), 0n);
  for (const text of ['', '5', 's', '1d', '1h 2m', '1..2s']) assert.equal(parseGoDuration(text), undefined, text);
});
