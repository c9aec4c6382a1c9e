import assert from 'node:assert/strict';
import test from 'node:test';
import { chooseUsage, type UsageEntry } from './usage-records.ts';

const entry: UsageEntry = { place: 'layer', key: 'sha256:ab', description: 'RUN make', type: 'regular', created: '', lastUsed: '', uses: 1, size: 1, inUse: false, shared: true, mutable: false, parents: [] };
const mount: UsageEntry = { ...entry, place: 'directory', key: 'cd', type: 'exec.cachemount', shared: false, mutable: true };

test('filters must choose what fits all terms of one of them; an empty one chooses everything', () => {
  const chosen = (...filters: string[]): string[] => chooseUsage([entry, mount], { filters }).map(({ type }) => type);
  assert.deepEqual(chosen(), ['regular', 'exec.cachemount']);
  assert.deepEqual(chosen(''), ['regular', 'exec.cachemount']);
  assert.deepEqual(chosen('type==regular'), ['regular']);
  assert.deepEqual(chosen('type==regular,mutable'), []);
  assert.deepEqual(chosen('shared', 'type==exec.cachemount'), ['regular', 'exec.cachemount']);
  assert.deepEqual(chosen('description~=make,private'), ['exec.cachemount']);
  assert.deepEqual(chosen('inuse'), []);
  assert.deepEqual(chosen('type!=regular'), ['exec.cachemount']);
});
