import assert from 'node:assert/strict';
import test from 'node:test';
import { decideRestart } from './restart-decision.ts';

const crashed = { exitCode: 1, ranFor: 50, manuallyStopped: false };
const fresh = { restartCount: 0, lastDelay: 0 };

test('a policy must decide whether a container is started again', () => {
  const kind = (name: 'no' | 'always' | 'unless-stopped' | 'on-failure', exit: Partial<typeof crashed>, count = 0, maximum = 0): string =>
    decideRestart({ Name: name, MaximumRetryCount: maximum }, { ...crashed, ...exit }, { ...fresh, restartCount: count }).kind;
  assert.equal(kind('no', {}), 'stay');
  assert.equal(kind('always', { exitCode: 0 }), 'restart');
  assert.equal(kind('always', { manuallyStopped: true }), 'stay');
  assert.equal(kind('unless-stopped', {}), 'restart');
  assert.equal(kind('on-failure', { exitCode: 0 }), 'stay');
  assert.equal(kind('on-failure', {}, 2, 3), 'restart');
  assert.equal(kind('on-failure', {}, 3, 3), 'stay');
});

test('the wait must double with every quick death, up to a minute, and begin anew after a long run', () => {
  const wait = (lastDelay: number, ranFor: number): number => {
    const decision = decideRestart({ Name: 'always', MaximumRetryCount: 0 }, { ...crashed, ranFor }, { restartCount: 5, lastDelay });
    return decision.kind === 'restart' ? decision.delay : -1;
  };
  assert.deepEqual([wait(0, 1), wait(100, 1), wait(51_200, 1), wait(60_000, 1), wait(60_000, 10_000)], [100, 200, 60_000, 60_000, 100]);
});
