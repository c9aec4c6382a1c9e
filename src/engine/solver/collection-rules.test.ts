import assert from 'node:assert/strict';
import test from 'node:test';
import { allowance, collectionRules, type CollectionSettings } from './collection-rules.ts';

const GiB = 2 ** 30;
const disk = { total: 252 * GiB, free: 100 * GiB };
const unset: CollectionSettings = { enabled: true, reservedSpace: '', maxUsedSpace: '', minFreeSpace: '', rules: undefined };

test('rules must be Docker’s where none are configured', () => {
  const [temporary, old, ...others] = collectionRules(unset, disk);
  assert.deepEqual([temporary?.keepDuration, temporary?.maxUsedSpace], [48 * 3600e9, 3_592_570_859]);
  assert.deepEqual([old?.keepDuration, old?.reservedSpace, old?.maxUsedSpace, old?.minFreeSpace], [1440 * 3600e9, 26e9, 202e9, 51e9]);
  assert.deepEqual(others.map(({ all }) => all), [false, true]);
  assert.deepEqual(collectionRules({ ...unset, enabled: false }, disk), []);
});

test('configured sizes must be bytes, binary units or shares of the disk', () => {
  assert.equal(collectionRules({ ...unset, reservedSpace: '20GB' }, disk)[1]?.reservedSpace, 20 * GiB);
  const rule = { all: true, filters: ['type==regular'], keepDuration: 5, reservedSpace: '1%', maxUsedSpace: '1024', minFreeSpace: '' };
  assert.deepEqual(collectionRules({ ...unset, rules: [rule] }, disk), [{ all: true, filters: ['type==regular'], keepDuration: 5, reservedSpace: 3e9, maxUsedSpace: 1024, minFreeSpace: 0 }]);
});

test('what may stay must be limited by what is used and what is free, and never be less than the reserve', () => {
  const of = (reservedSpace: number, maxUsedSpace: number, minFreeSpace: number): number | undefined => allowance({ reservedSpace, maxUsedSpace, minFreeSpace }, 50, { total: 1000, free: 100 });
  assert.equal(of(0, 0, 0), undefined);
  assert.equal(of(20, 0, 0), 20);
  assert.equal(of(0, 30, 0), 30);
  assert.equal(of(40, 30, 0), 40);
  assert.equal(of(0, 0, 50), Infinity);
  assert.equal(of(0, 0, 110), 40);
  assert.equal(of(45, 0, 110), 45);
  assert.equal(of(0, 30, 110), 30);
});
