import assert from 'node:assert/strict';
import test from 'node:test';
import { buffer } from 'node:stream/consumers';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

async function filter(keys: string, chunks: readonly string[]): Promise<{ passed: string; detached: boolean }> {
  let detached = false;
  const stream = new DetachFilter(parseDetachKeys(keys), () => (detached = true));
  const passed = buffer(stream);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return { passed: (await passed).toString(), detached };
}

test('the sequence must detach, also when it comes in pieces, and not reach the process', async () => {
  assert.deepEqual(await filter('ctrl-p,ctrl-q', ['ls\n\x10', '\x11', 'never']), { passed: 'ls\n', detached: true });
  assert.deepEqual(await filter('ctrl-a', ['x\x01y']), { passed: 'x', detached: true });
});

test('keys that only look like the sequence must reach the process in order', async () => {
  assert.deepEqual(await filter('ctrl-p,ctrl-q', ['\x10a\x10\x10', 'b']), { passed: '\x10a\x10\x10b', detached: false });
  assert.deepEqual(await filter('ctrl-p,ctrl-q', ['end\x10']), { passed: 'end\x10', detached: false });
});

test('a specification that is none must be refused with Docker’s text', () => {
  assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-_,DEL')], [97, 0, 27, 31, 127]);
  assert.throws(() => parseDetachKeys('ctrl-,x'), /Invalid escape keys \(ctrl-,x\) provided/);
});
