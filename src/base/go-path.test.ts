import assert from 'node:assert/strict';
import test from 'node:test';
import { baseName, cleanPath, keepEnding, splitEntry } from './go-path.ts';

test('paths must be cleaned as Go cleans them', () => {
  for (const [path, clean] of [['', '.'], ['/', '/'], ['a//b/./c/', 'a/b/c'], ['/../a', '/a'], ['../a/..', '..'], ['../../a', '../../a'], ['a/../..', '..'], ['/a/b/../..', '/']] as const) {
    assert.equal(cleanPath(path), clean, path);
  }
});

test('the last name must be found behind slashes, of the root and of nothing', () => {
  for (const [path, base] of [['', '.'], ['/', '/'], ['///', '/'], ['a/b//', 'b'], ['/a/.', '.'], ['a', 'a']] as const) assert.equal(baseName(path), base, path);
});

test('an ending that means a directory or its contents must be kept', () => {
  for (const [clean, original, kept] of [['/a', 'a/', '/a/'], ['/a', 'a/.', '/a/.'], ['/', '/', '/'], ['/', '/.', '/.'], ['/a', 'a', '/a']] as const) {
    assert.equal(keepEnding(clean, original), kept, original);
  }
});

test('a path must be split into directory and entry, or its contents', () => {
  assert.deepEqual(splitEntry('/a/b/'), { directory: '/a', base: 'b' });
  assert.deepEqual(splitEntry('/a/b/.'), { directory: '/a/b', base: '.' });
  assert.deepEqual(splitEntry('/a'), { directory: '/', base: 'a' });
  assert.deepEqual(splitEntry(''), { directory: '.', base: '.' });
});
