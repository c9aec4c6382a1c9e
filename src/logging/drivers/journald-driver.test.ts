import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeEntry } from './journald-driver.ts';

test('values with line feeds must carry their length', () => {
  const entry = encodeEntry({ CONTAINER_TAG: 'box' }, { stream: 'stderr', time: 0n, line: Buffer.from('a\nb'), partial: undefined });
  assert.equal(entry.toString('latin1'), 'PRIORITY=3\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nCONTAINER_TAG=box\n');
});
