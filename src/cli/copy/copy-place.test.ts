import assert from 'node:assert/strict';
import test from 'node:test';
import { planCopy, rebase, renamed } from './copy-place.ts';

const file = { path: '/from/file', isDirectory: false, rebaseName: '' };
const directory = { path: '/from/tree', isDirectory: true, rebaseName: '' };

test('what is copied into a directory must keep its name', () => {
  assert.deepEqual(planCopy(directory, { path: '/to', exists: true, isDirectory: true }), { directory: '/to', renaming: [] });
});

test('what is copied to a new place or over a file must take its name', () => {
  const { directory: place, renaming } = planCopy(directory, { path: '/to/new', exists: false, isDirectory: false });
  assert.equal(place, '/to');
  assert.equal(renamed('tree/a/tree', renaming), 'new/a/tree');
  assert.equal(renamed('file', planCopy(file, { path: '/to/$&', exists: true, isDirectory: false }).renaming), '$&');
});

test('a directory over a file, and a file to a missing directory, must be refused', () => {
  assert.throws(() => planCopy(directory, { path: '/to/file', exists: true, isDirectory: false }), /^CommandFailure: cannot copy directory$/);
  for (const path of ['/to/', '/to/.', '']) assert.throws(() => planCopy(file, { path, exists: false, isDirectory: false }), /^CommandFailure: no such directory$/);
});

test('a followed link must keep the name that was asked for', () => {
  assert.deepEqual(rebase('/a/link', '/b/target'), { path: '/b/target', rebaseName: 'link' });
  assert.deepEqual(rebase('/a/same/', '/b/same'), { path: '/b/same/', rebaseName: '' });
  assert.deepEqual(rebase('/a/link/.', '/b/target'), { path: '/b/target/.', rebaseName: '' });
});
