/** Why steps were made. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { reasonsOf, type StepOutcome } from './step-facts.ts';

function step(name: string, outcome: StepOutcome['outcome'], key: string, parts: Readonly<Record<string, string>>, over: readonly string[] = []): StepOutcome {
  return { name, outcome, key, facts: { parts }, over };
}

const before = [step('[2/3] RUN one', 'miss', 'k1', { base: 'b', instruction: 'one', 'variable A': '1' }), step('[3/3] COPY a /', 'miss', 'k2', { base: 'c', 'file a': 'sha256:old' }, ['[2/3] RUN one'])];

test('what was found again must have no cause', () => {
  assert.deepEqual(reasonsOf([step('[2/3] RUN one', 'hit', 'k1', { base: 'b' })], before), [{ name: '[2/3] RUN one', outcome: 'hit', causes: [] }]);
});

test('a changed variable, a changed file, a new file and what lies below must be named', () => {
  const [run, copy] = reasonsOf([
    step('[2/3] RUN one', 'miss', 'k3', { base: 'b', instruction: 'one', 'variable A': '2' }),
    step('[3/3] COPY a /', 'miss', 'k4', { base: 'd', 'file a': 'sha256:new', 'file n': 'sha256:n' }, ['[2/3] RUN one']),
  ], before);
  assert.deepEqual(run?.causes, ['variable A changed: it was 1, now it is 2']);
  assert.deepEqual(copy?.causes, ['file a changed: it was sha256:old, now it is sha256:new', 'file n is new: sha256:n', 'it is made over [2/3] RUN one, which was made anew']);
});

test('a step with another instruction must be compared with the one at its place', () => {
  const [run] = reasonsOf([step('[2/4] RUN two', 'miss', 'k5', { base: 'b', instruction: 'two', 'variable A': '1' })], before);
  assert.deepEqual(run?.causes, ['instruction changed: it was one, now it is two']);
});

test('what was pruned, was not to be used or has nothing before it must be said', () => {
  const causes = (outcome: StepOutcome['outcome'], last: readonly StepOutcome[] | undefined): string => reasonsOf([step('[2/3] RUN one', outcome, 'k1', {})], last)[0]?.causes.join() ?? '';
  assert.match(causes('miss', before), /it was pruned/);
  assert.match(causes('not asked', before), /--no-cache/);
  assert.match(causes('miss', undefined), /no build of this context/);
});
