import assert from 'node:assert/strict';
import test from 'node:test';
import { goJsonFault } from './go-json.ts';

test('what is wrong with a JSON text must be told as by Go, for a whole text and for a stream', () => {
  const cases: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ['{}', undefined, undefined],
    ['', 'unexpected end of JSON input', 'EOF'],
    ['{', 'unexpected end of JSON input', 'unexpected EOF'],
    ['[1', 'unexpected end of JSON input', 'unexpected EOF'],
    ['[] x', "invalid character 'x' after top-level value", undefined],
    ['{bad', "invalid character 'b' looking for beginning of object key string", "invalid character 'b' looking for beginning of object key string"],
    ['x', "invalid character 'x' looking for beginning of value", "invalid character 'x' looking for beginning of value"],
  ];
  for (const [text, whole, stream] of cases) assert.deepEqual([goJsonFault(text, 'unmarshal'), goJsonFault(text, 'decoder')], [whole, stream], text);
});
