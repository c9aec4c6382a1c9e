import assert from 'node:assert/strict';
import test from 'node:test';
import { requireJsonType } from './content-type.ts';

test('JSON must be taken with parameters and in any case', () => {
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json;', 'Application/JSON', 'application/json; a="b;c"; d=e']) requireJsonType(type);
});

const refused: readonly (readonly [string, string])[] = [
  ['text/plain', "unsupported Content-Type header (text/plain): must be 'application/json'"],
  ['application', "unsupported Content-Type header (application): must be 'application/json'"],
  ['application/x-www-form-urlencoded', "unsupported Content-Type header (application/x-www-form-urlencoded): must be 'application/json'"],
  ['', 'malformed Content-Type header (): mime: no media type'],
  ['/', 'malformed Content-Type header (/): mime: no media type'],
  ['foo;;;bar', 'malformed Content-Type header (foo;;;bar): mime: invalid media parameter'],
  ['application/json;x', 'malformed Content-Type header (application/json;x): mime: invalid media parameter'],
  ['application/json; charset="utf', 'malformed Content-Type header (application/json; charset="utf): mime: invalid media parameter'],
  ['application/json; a=b; a=c', 'malformed Content-Type header (application/json; a=b; a=c): mime: duplicate parameter name'],
  ['application/json x', 'malformed Content-Type header (application/json x): mime: unexpected content after media subtype'],
  ['a/b/c', 'malformed Content-Type header (a/b/c): mime: unexpected content after media subtype'],
];

for (const [type, message] of refused) {
  test(`Content-Type ${JSON.stringify(type)} must be refused in Docker's words`, () => {
    assert.throws(() => requireJsonType(type), { message });
  });
}
