import assert from 'node:assert/strict';
import test from 'node:test';
import { BlobDemand } from './blob-demand.ts';

test('a blob is wanted when two read it at once, and at the third pull within an hour', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const demand = new BlobDemand();
  const first = demand.read('a');
  assert.equal(first.isWanted, false);
  assert.equal(demand.read('b').isWanted, false, 'each blob is counted by itself');
  first[Symbol.dispose]();
  const second = demand.read('a');
  assert.equal(second.isWanted, false, 'the first has ended');
  const beside = demand.read('a');
  assert.equal(beside.isWanted, true);
  second[Symbol.dispose]();
  beside[Symbol.dispose]();
  const later = demand.read('a');
  assert.equal(later.isWanted, true);
  later[Symbol.dispose]();
  t.mock.timers.tick(60 * 60_000);
  assert.equal(demand.read('a').isWanted, false, 'pulls of long ago count no more');
});

test('what is remembered of blobs stays bounded: those wanted least lately go first', () => {
  const demand = new BlobDemand();
  for (let round = 0; round < 2; round++) demand.read('kept')[Symbol.dispose]();
  for (let round = 0; round < 2; round++) demand.read('lost')[Symbol.dispose]();
  for (let index = 0; index < 4090; index++) demand.read(`other ${index}`)[Symbol.dispose]();
  const kept = demand.read('kept');
  assert.equal(kept.isWanted, true);
  kept[Symbol.dispose]();
  for (let index = 0; index < 4090; index++) demand.read(`more ${index}`)[Symbol.dispose]();
  assert.equal(demand.read('kept').isWanted, true);
  assert.equal(demand.read('lost').isWanted, false);
});
