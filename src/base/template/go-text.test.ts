import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { formatFloat } from './float-text.ts';
import { decodeAny, encodeJson } from './go-json.ts';
import { quoteText, unquoteText } from './go-quote.ts';
import { bytesOfText, runesOf, sliceText, textLength, textOfBytes } from './go-text.ts';
import { formatMoment, formatSpan, parseMoment } from './go-time.ts';
import { parseJsonDocument } from '../json-document.ts';

test('bytes must survive being a text, whatever they are', () => {
  for (let round = 0; round < 2000; round++) {
    const bytes = randomBytes(round % 40);
    const text = textOfBytes(bytes);
    assert.deepEqual(Buffer.from(bytesOfText(text)), bytes);
    assert.equal(textLength(text), bytes.length);
    const cut = bytes.length >> 1;
    assert.deepEqual(Buffer.from(bytesOfText(sliceText(text, cut, bytes.length))), bytes.subarray(cut));
  }
});

test('a byte that is no UTF-8 must be one rune of its own', () => {
  assert.deepEqual(runesOf(textOfBytes(Uint8Array.of(0x61, 0xff, 0xe6, 0x97, 0xa5))), [0x61, 0xfffd, 0x65e5]);
});

test('a quoted text must read back as it was', () => {
  for (let round = 0; round < 2000; round++) {
    const text = textOfBytes(randomBytes(round % 30));
    assert.equal(unquoteText(quoteText(text)), text);
    assert.equal(unquoteText(quoteText(text, true)), text);
    assert.match(quoteText(text, true), /^[\x20-\x7e]*$/);
  }
});

test('quotes must be written as Go writes them', () => {
  assert.equal(quoteText('a"\\\n\t\x01\x7f\u00a0é\u200b😀'), '"a\\"\\\\\\n\\t\\x01\\x7f\\u00a0é\\u200b😀"');
  assert.equal(unquoteText('"\\x41\\101\\u00e9\\xe6\\x97\\xa5"'), 'AAé日');
  assert.equal(unquoteText('"\\q"'), undefined);
  assert.equal(unquoteText('`a\\n`'), 'a\\n');
});

/** A float of random bits, finite. */
function randomFloat(): number {
  for (;;) {
    const value = randomBytes(8).readDoubleLE();
    if (Number.isFinite(value)) return value;
  }
}

test('the shortest form of a float must read back as the same float', () => {
  for (let round = 0; round < 5000; round++) {
    const value = randomFloat();
    for (const verb of ['e', 'f', 'g']) assert.equal(Number(formatFloat(value, verb, -1)), value);
  }
});

test('a float with many digits must be exact, so that reading it gives it back', () => {
  for (let round = 0; round < 500; round++) {
    const value = randomFloat();
    assert.equal(Number(formatFloat(value, 'e', 17)), value);
    assert.equal(formatFloat(value, 'e', 25).replace(/e.*/, '').length, (value < 0 ? 1 : 0) + 27);
  }
});

test('floats must be rounded half to even', () => {
  assert.deepEqual([0.5, 1.5, 2.5, 0.125, 0.375].map((value) => formatFloat(value, 'f', value < 0.5 ? 2 : 0)), ['0', '2', '2', '0.12', '0.38']);
  assert.equal(formatFloat(9.999, 'g', 3), '10');
  assert.equal(formatFloat(999_999, 'g', 3), '1e+06');
  assert.equal(formatFloat(1.5, 'x', -1), '0x1.8p+00');
  assert.equal(formatFloat(1, 'b', -1), '4503599627370496p-52');
});

test('JSON must come out as Go writes it: keys in order, HTML hidden on request, numbers as they were', () => {
  const value = decodeAny(parseJsonDocument('{"b":[1.50,12345678901234567890,null],"a":"<é\\u2028\\u0001>"}'), true);
  assert.equal(encodeJson(value), '{"a":"\\u003cé\\u2028\\u0001\\u003e","b":[1.50,12345678901234567890,null]}');
  assert.equal(encodeJson(value, false), '{"a":"<é\\u2028\\u0001>","b":[1.50,12345678901234567890,null]}');
});

test('moments and spans must print as Go prints them', () => {
  const moment = parseMoment('2025-03-09T08:07:06.050400000+02:00');
  assert.ok(moment !== undefined);
  assert.equal(formatMoment(moment, '2006-01-02 15:04:05.999999999 -0700 MST'), '2025-03-09 08:07:06.0504 +0200 +0200');
  assert.equal(formatMoment(moment, 'Mon Jan _2 3:4:5 PM 06 002'), 'Sun Mar  9 8:7:6 AM 25 068');
  assert.equal(formatMoment(moment, '2006-01-02T15:04:05.000Z07:00'), '2025-03-09T08:07:06.050+02:00');
  assert.deepEqual([0n, 1n, 1500n, 2_000_000n, 90_000_000_000n, 3_723_004_000_000n, -1_000_000_000n].map(formatSpan), ['0s', '1ns', '1.5µs', '2ms', '1m30s', '1h2m3.004s', '-1s']);
});
