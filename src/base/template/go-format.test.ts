import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrint, formatPrintf, formatPrintln } from './go-format.ts';
import { boolType, int64Type, mapOf, pointerTo, sliceOf, stringType, structOf, uint8Type } from './go-type.ts';
import { goBool, goComplex, goFloat, goInt, goString, goStrings, zeroOf, type GoValue } from './go-value.ts';

const strings = sliceOf(stringType);
const point = structOf('geo.Point', [['X', int64Type], ['Name', stringType], ['On', boolType]]);
const here: GoValue = { type: point, data: [{ type: int64Type, data: 3n }, goString('n'), goBool(true)] };

// Format, arguments, and what Go 1.24 prints.
const cases: readonly (readonly [format: string, values: readonly (GoValue | undefined)[], expected: string])[] = [
  ['%d|%5d|%-5d|%05d|%+d|% d', Array.from({ length: 6 }, () => goInt(42)), '42|   42|42   |00042|+42| 42'],
  ['%x|%X|%#x|%o|%#o|%O|%b|%c|%q|%U|%#U', Array.from({ length: 11 }, () => goInt(65)), "41|41|0x41|101|0101|0o101|1000001|A|'A'|U+0041|U+0041 'A'"],
  ['%s|%10s|%-10s|%.2s|%q|%x|% X|%+q', Array.from({ length: 8 }, () => goString('héy')), 'héy|       héy|héy       |hé|"héy"|68c3a979|68 C3 A9 79|"h\\u00e9y"'],
  ['%v %.2f %e %g %6.1f|%08.3f|%+.1f', Array.from({ length: 7 }, () => goFloat(3.14159)), '3.14159 3.14 3.141590e+00 3.14159    3.1|0003.142|+3.1'],
  ['%v %v %v', [goFloat(1e6), goFloat(123456), goFloat(1e-5)], '1e+06 123456 1e-05'],
  ['%.0f %.0f %.0f', [goFloat(0.5), goFloat(1.5), goFloat(2.5)], '0 2 2'],
  ['%t %v %5t', [goBool(true), goBool(false), goBool(true)], 'true false  true'],
  ['%v %v', [goComplex(1, -2), goComplex(0, 1)], '(1-2i) (0+1i)'],
  ['%v %+v %#v', [here, here, here], '{3 n true} {X:3 Name:n On:true} geo.Point{X:3, Name:"n", On:true}'],
  ['%v %v', [{ type: pointerTo(point), data: here }, zeroOf(pointerTo(point))], '&{3 n true} <nil>'],
  ['%v %q %#v', Array.from({ length: 3 }, () => goStrings(strings, ['a', 'b'])), '[a b] ["a" "b"] []string{"a", "b"}'],
  ['%v', [{ type: mapOf(stringType, uint8Type), data: new Map([['b', { type: uint8Type, data: 2n }], ['a', { type: uint8Type, data: 1n }]]) }], 'map[a:1 b:2]'],
  ['%T %T', [here, goStrings(strings, [])], 'geo.Point []string'],
  ['%*d|%-*d|%.*f', [goInt(5), goInt(4), goInt(3), goInt(2), goInt(1), goFloat(2.55)], '    4|2  |2.5'],
  ['%[2]d %[1]d', [goInt(1), goInt(2)], '2 1'],
  ['%d %d', [goInt(1)], '1 %!d(MISSING)'],
  ['%d', [goInt(1), goString('x')], '1%!(EXTRA string=x)'],
  ['%d', [goString('x')], '%!d(string=x)'],
  ['%s %d', [goInt(1), undefined], '%!s(int=1) %!d(<nil>)'],
  ['%z %', [goInt(1)], '%!z(int=1) %!(NOVERB)'],
  ['%[5]d %[x]d', [goInt(1)], '%!d(BADINDEX) %!d(BADINDEX)'],
  ['100%% %', [], '100% %!(NOVERB)'],
];

for (const [format, values, expected] of cases) {
  test(`printf ${JSON.stringify(format)} must give ${JSON.stringify(expected)}`, () => {
    assert.equal(formatPrintf(format, values), expected);
  });
}

test('print must put blanks between values of which neither is a string', () => {
  assert.equal(formatPrint([goInt(1), goInt(2), goString('a'), goInt(3), goBool(true)]), '1 2a3 true');
  assert.equal(formatPrintln([goInt(1), goString('a'), undefined]), '1 a <nil>\n');
});
