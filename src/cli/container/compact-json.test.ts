import assert from 'node:assert/strict';
import test from 'node:test';
import { compactJson } from './compact-json.ts';

test('blanks must go and all else must stay as written', () => {
  assert.equal(compactJson(' { "a" : [ 1.0, -2e+10 , "x \\u00e9" ], "b": { }, "c": null }\n'), '{"a":[1.0,-2e+10,"x \\u00e9"],"b":{},"c":null}');
});

for (const [text, message] of [
  ['', 'unexpected end of JSON input'],
  ['{"a"', 'unexpected end of JSON input'],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
  ['truX', "invalid character 'X' in literal true (expecting 'e')"],
  ['{} x', "invalid character 'x' after top-level value"],
  ['"\n"', "invalid character '\\n' in string literal"],
  ['1.x', "invalid character 'x' after decimal point in numeric literal"],
] as const) {
  test(`${JSON.stringify(text)} must be refused with Go's text`, () => {
    assert.throws(() => compactJson(text), { message });
  });
}
