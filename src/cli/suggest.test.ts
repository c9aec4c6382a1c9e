import assert from 'node:assert/strict';
import test from 'node:test';
import { suggestNames } from './suggest.ts';

const names = ['run', 'rm', 'rmi', 'ps', 'pull', 'push', 'images', 'image', 'inspect', 'stop', 'start'];

test('a mistyped name must bring the nearest ones', () => {
  assert.deepEqual(suggestNames('rnu', names)[0], 'run');
  assert.deepEqual(suggestNames('imagse', names), ['image', 'images']);
  assert.deepEqual(suggestNames('insp', names), ['inspect']);
  assert.deepEqual(suggestNames('psuh', names)[0], 'push');
});

test('what resembles nothing must bring nothing', () => {
  assert.deepEqual(suggestNames('frobnicate', names), []);
});
