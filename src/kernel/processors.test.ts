import assert from 'node:assert/strict';
import test from 'node:test';
import { levelOf } from './processors.ts';

const second = 'cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';
const third = 'avx avx2 bmi1 bmi2 f16c fma abm movbe xsave';
const fourth = 'avx512f avx512bw avx512cd avx512dq avx512vl';

test('the level of x86-64 must be the last of which nothing is missing', () => {
  const level = (flags: string): string => levelOf(`processor\t: 0\nflags\t\t: fpu ${flags} ht\nbugs\t\t:\n`);
  assert.equal(level(''), 'v1');
  assert.equal(level(second), 'v2');
  assert.equal(level(`${second} ${third}`), 'v3');
  assert.equal(level(`${second} ${third} ${fourth}`), 'v4');
  assert.equal(level(`${third} ${fourth}`), 'v1');
});
