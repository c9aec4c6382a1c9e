import assert from 'node:assert/strict';
import test from 'node:test';
import { IgnorePatterns } from './ignore-patterns.ts';

const ignored = (text: string, ...paths: string[]): string[] => {
  const patterns = IgnorePatterns.parse(text);
  return paths.filter((path) => patterns.matches(path));
};

test('later lines must decide, and what is in an ignored directory is ignored', () => {
  assert.deepEqual(ignored('*.log\n!keep.log\ndir\n', 'a.log', 'keep.log', 'sub/a.log', 'dir', 'dir/deep/file', 'directory'), ['a.log', 'dir', 'dir/deep/file']);
  assert.deepEqual(ignored('docs/*\n!docs/README.md', 'docs', 'docs/other', 'docs/README.md'), ['docs/other']);
});

test('two stars must stand for any number of directories, also none', () => {
  assert.deepEqual(ignored('**/*.tmp', 'a.tmp', 'a/b/c.tmp', 'a.tmp2'), ['a.tmp', 'a/b/c.tmp']);
  assert.deepEqual(ignored('a/**', 'a/b', 'a/b/c', 'b/a'), ['a/b', 'a/b/c']);
});

test('comments, blanks, leading slashes and dots must not matter', () => {
  assert.deepEqual(ignored('# a\n\n  /b \n./c/../d\n', 'a', 'b', 'c', 'd'), ['b', 'd']);
});

test('a pattern that is none must be refused', () => {
  assert.throws(() => IgnorePatterns.parse('[bad'), { message: 'syntax error in pattern' });
  assert.throws(() => IgnorePatterns.parse('!'), { message: 'illegal exclusion pattern: "!"' });
});

test('a directory with something taken back below must be looked into', () => {
  const patterns = IgnorePatterns.parse('a\nb\n!a/keep');
  assert.equal(patterns.mayTakeBackBelow('a'), true);
  assert.equal(patterns.mayTakeBackBelow('b'), false);
});
