import assert from 'node:assert/strict';
import test from 'node:test';
import { JsonNumber } from '#base/json-document.ts';
import { parseJson } from './parse-json.ts';

/** Bodies and what Docker 28.5 answered to them. */
const refused: readonly (readonly [string, string])[] = [
  ['', 'invalid JSON: got EOF while reading request body'],
  [' \n\t', 'invalid JSON: got EOF while reading request body'],
  ['{', 'invalid JSON: unexpected EOF'],
  ['{"a', 'invalid JSON: unexpected EOF'],
  ['{"a"', 'invalid JSON: unexpected EOF'],
  ['{"a":1,', 'invalid JSON: unexpected EOF'],
  ['{"a":"\\u12', 'invalid JSON: unexpected EOF'],
  ['fals', 'invalid JSON: unexpected EOF'],
  ['-', 'invalid JSON: unexpected EOF'],
  ['{bad json', "invalid JSON: invalid character 'b' looking for beginning of object key string"],
  ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ["{'a':1}", "invalid JSON: invalid character '\\'' looking for beginning of object key string"],
  ['{"a":1 "b"}', `invalid JSON: invalid character '"' after object key:value pair`],
  ['{"a":01}', "invalid JSON: invalid character '1' after object key:value pair"],
  ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"a":}', "invalid JSON: invalid character '}' looking for beginning of value"],
  ['[1,]', "invalid JSON: invalid character ']' looking for beginning of value"],
  ['[1 2]', "invalid JSON: invalid character '2' after array element"],
  ['{"a":[1}', "invalid JSON: invalid character '}' after array element"],
  ['{"a":{"b":1]}', "invalid JSON: invalid character ']' after object key:value pair"],
  ['{"a":trux}', "invalid JSON: invalid character 'x' in literal true (expecting 'e')"],
  ['nulx', "invalid JSON: invalid character 'x' in literal null (expecting 'l')"],
  ['{"a":1.}', "invalid JSON: invalid character '}' in numeric literal"],
  ['{"a":1e+}', "invalid JSON: invalid character '}' in numeric literal"],
  ['{"a":+1}', "invalid JSON: invalid character '+' looking for beginning of value"],
  ['{"a":"\\q"}', 'invalid JSON: invalid escape sequence `\\q` in string'],
  ['{"a":"\\u12x4"}', 'invalid JSON: invalid escape sequence `\\u12x4` in string'],
  ['{"a":"x\ty"}', "invalid JSON: invalid character '\\t' in string"],
  ['{"a":\u0001}', "invalid JSON: invalid character '\\x01' looking for beginning of value"],
  ['é', "invalid JSON: invalid character 'é' looking for beginning of value"],
  ['\\', "invalid JSON: invalid character '\\\\' looking for beginning of value"],
  ['\ufeff{}', "invalid JSON: invalid character '\\ufeff' looking for beginning of value"],
  ['{}x', 'unexpected content after JSON'],
  ['{"Image":"busybox"} trailing', 'unexpected content after JSON'],
  ['['.repeat(10_001), 'invalid JSON: exceeded max depth'],
];

for (const [body, message] of refused) {
  test(`parseJson must refuse ${JSON.stringify(body.slice(0, 40))} in Docker's words`, () => {
    assert.throws(() => parseJson(body), { message });
  });
}

test('parseJson must take a closing bracket behind the document for nothing, as Go does', () => {
  assert.deepEqual(parseJson('{}}'), new Map());
  assert.deepEqual(parseJson('[] ]'), []);
});

test('parseJson must keep the digits of numbers and the last of equal keys', () => {
  assert.deepEqual(parseJson('{"a":1,"b":[12345678901234567890,-0.5e+3],"a":2}'), new Map<string, unknown>([['a', new JsonNumber('2')], ['b', [new JsonNumber('12345678901234567890'), new JsonNumber('-0.5e+3')]]]));
});

test('parseJson must read every escape and replace half a surrogate pair', () => {
  assert.equal(parseJson(String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x"`), '"\\/\b\f\n\r\té😀\ufffdx');
});

test('parseJson must agree with JSON.parse on what both take', () => {
  const plain = (value: unknown): unknown => {
    if (value instanceof JsonNumber) return Number(value.text);
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
    return Array.isArray(value) ? value.map(plain) : value;
  };
  for (const text of ['[]', '[[],{}]', ' [ 1 , "x" , null , true , false ] ', '{"a":{"b":[1,{"c":""}]},"":0}', '-0', '1E5']) {
    assert.deepEqual(plain(parseJson(text)), JSON.parse(text));
  }
});
