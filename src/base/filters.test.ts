import assert from 'node:assert/strict';
import test from 'node:test';
import { parseFilters } from './filters.ts';

test('filters must be read as lists and as sets', () => {
  assert.deepEqual(parseFilters('{"name":["a","b","a"],"label":[]}'), { name: ['a', 'b'], label: [] });
  assert.deepEqual(parseFilters('{"name":{"a":true,"b":false},"label":null}'), { name: ['a', 'b'], label: [] });
});

test('no text, null and an empty object must be no filters', () => {
  for (const text of ['', 'null', '{}']) assert.deepEqual(parseFilters(text), {});
});

test('anything else must be refused in Docker’s words', () => {
  for (const text of ['bogus', ' ', '[]', '5', '"x"', '{"name":"x"}', '{"name":["a",5]}', '{"name":{"a":5}}', '{"name":["a"]}x', '{"name":["a"],"label":{"x":true}}']) {
    assert.throws(() => parseFilters(text), { message: 'invalid filter' }, text);
  }
});
