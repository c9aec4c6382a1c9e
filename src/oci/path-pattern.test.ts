import assert from 'node:assert/strict';
import test from 'node:test';
import { compilePattern, matchesReference } from './path-pattern.ts';
import { parseReference } from './reference.ts';

test('patterns must match as path.Match of Go does', () => {
  for (const [pattern, text, fits] of [
    ['abc', 'abc', true], ['*', 'abc', true], ['*c', 'abc', true], ['a*', 'ab/c', false], ['a*/b', 'abc/b', true], ['a?c', 'abc', true], ['a?c', 'a/c', false],
    ['a[bx]c', 'abc', true], ['a[^bx]c', 'abc', false], ['a[b-d]e', 'ace', true], ['a[d-b]e', 'ace', false], ['a\\*b', 'a*b', true], ['a\\*b', 'axb', false], ['[\\]a]', ']', true], ['a[.]b', 'a.b', true], ['a.b', 'axb', false],
  ] as const) {
    assert.equal(compilePattern(pattern).test(text), fits, `${pattern} on ${text}`);
  }
});

test('a malformed pattern must be refused', () => {
  for (const pattern of ['[', '[a', '[]a]', '[-x]', '[x-]', 'a\\', '[a-']) assert.throws(() => compilePattern(pattern), { message: 'syntax error in pattern' }, pattern);
});

test('a pattern must be held against the name with its tag and without', () => {
  const reference = parseReference('me/app:v1');
  assert.ok(matchesReference('me/app', reference));
  assert.ok(matchesReference('me/*:v*', reference));
  assert.ok(!matchesReference('app', reference));
});
