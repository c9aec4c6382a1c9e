import assert from 'node:assert/strict';
import test from 'node:test';
import { startFailure } from './shim-failure.ts';

const failure = (log: string, output = '', status = 256) => startFailure('c', { type: 'failed', status, log, output });

test('the message must be the one of the runtime', () => {
  const error = failure('{"msg":"executable file `x` not found in $PATH: No such file or directory","level":"error","time":"t"}\n', 'the same again');
  assert.equal(error.code, 'runtime.start_failed');
  assert.equal(error.message, 'executable file `x` not found in $PATH: No such file or directory');
  assert.deepEqual(error.details, { message: error.message, exitCode: 1, containerId: 'c' });
});

test('warnings must not be taken for the reason', () => {
  assert.equal(failure('{"level":"warning","msg":"careful"}\n{"level":"info","msg":"so"}\n{"level":"error","msg":"broken"}\n').message, 'broken');
});

test('what the runtime printed must serve when it logged nothing', () => {
  assert.equal(failure('', 'error while loading shared libraries\n').message, 'error while loading shared libraries');
  assert.equal(failure('{"level":"warning","msg":"careful"}', 'printed').message, 'printed');
});

test('words that are no JSON must be given as they are', () => {
  assert.equal(failure('/state/log: No space left on device', '', 0).message, '/state/log: No space left on device');
});

test('a runtime that says nothing must be told by its status', () => {
  assert.equal(failure('', '', 3 << 8).message, 'the runtime ended with exit code 3 and said nothing');
  assert.equal(failure('', '', 9).details['exitCode'], 137);
});
