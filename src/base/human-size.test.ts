import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from './errors/failure.ts';
import { binarySize, humanSize } from './human-size.ts';
import { indentJson, compactJson, parseJsonDocument } from './json-document.ts';
import { parseBinarySize, parseDecimalSize } from './parse-size.ts';

test('sizes must be told with four digits, or as many as asked for', () => {
  assert.deepEqual([0, 999, 1000, 1_234_567, 2_065_286, 1e12].map((size) => humanSize(size)), ['0B', '999B', '1kB', '1.235MB', '2.065MB', '1TB']);
  assert.deepEqual([2_065_286, 100_000, 999_999, 123].map((size) => humanSize(size, 3)), ['2.07MB', '100kB', '1e+03kB', '123B']);
  assert.deepEqual([0, 1024, 25_279_000_000, 1536].map(binarySize), ['0B', '1KiB', '23.54GiB', '1.5KiB']);
});

test('sizes must be read with every unit and in any case', () => {
  assert.deepEqual(['0', '5b', '1k', '1K', '1kb', '1KiB', '1.5g', '32 mib', '2T', '.5m'].map(parseBinarySize), [
    0, 5, 1024, 1024, 1024, 1024, 1_610_612_736, 33_554_432, 2 * 1024 ** 4, 524_288,
  ]);
  assert.equal(parseDecimalSize('2.5kB'), 2500);
});

test('what is no size must be refused in the words of go-units', () => {
  const texts = {
    '': "invalid size: ''", abc: "invalid size: 'abc'", '-1': "invalid size: '-1'", '1x': "invalid suffix: 'x'", '1kk': "invalid suffix: 'kk'",
    '1gibs': "invalid suffix: 'gibs'", '1..2k': 'strconv.ParseFloat: parsing "1..2": invalid syntax',
  };
  for (const [text, message] of Object.entries(texts)) {
    assert.throws(() => parseBinarySize(text), (error: unknown) => isFailure(error, 'api.invalid_parameter') && error.message === message);
  }
});

test('a size that is told must read back as nearly the same', () => {
  for (let size = 1; size < 1e15; size = Math.ceil(size * 1.37)) {
    const back = parseBinarySize(binarySize(size));
    assert.ok(Math.abs(back - size) <= size * 0.0006 + 1, `${size} came back as ${back}`);
  }
});

test('a document must keep its spellings when it is laid out, and when it is compacted again', () => {
  const text = '{"b":[],"10":1.50,"n":{},"l":[{"x":"\\u003c \\" {"},[[]]],"e":1E5}';
  assert.equal(compactJson(indentJson(text, '  ')), text);
  assert.deepEqual(JSON.parse(indentJson(text, '\t')), JSON.parse(text));
  assert.equal(indentJson('[{"a":[1,{}]}]', '  '), JSON.stringify([{ a: [1, {}] }], null, 2));
});

test('what is no JSON must be refused', () => {
  for (const text of ['', '{', '[1,', '{"a"}', '01', '[1] 2', '"\n"', 'nul', '{"a":1,}x']) assert.throws(() => parseJsonDocument(text), /JSON/);
});
