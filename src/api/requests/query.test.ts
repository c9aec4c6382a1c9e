import assert from 'node:assert/strict';
import test from 'node:test';
import { parseEventTime } from './go-number.ts';
import { Query } from './query.ts';

test('booleans must follow Docker’s list of words', () => {
  for (const text of ['', '0', 'no', 'false', 'none', ' FALSE ', 'None']) assert.equal(new Query(`a=${encodeURIComponent(text)}`).flag('a', true), false, text);
  for (const text of ['1', 'yes', 'true', 'bogus', '-1']) assert.equal(new Query(`a=${text}`).flag('a'), true, text);
  assert.equal(new Query('a').flag('a', true), false);
  assert.equal(new Query('').flag('a', true), true);
});

test('numbers must be refused in the words of Go’s strconv', () => {
  assert.equal(new Query('limit=-1').integer('limit'), -1);
  assert.equal(new Query('limit=%2B5').integer('limit'), 5);
  assert.equal(new Query('limit=').integer('limit'), undefined);
  assert.throws(() => new Query('limit=x').integer('limit'), { message: 'strconv.Atoi: parsing "x": invalid syntax' });
  assert.throws(() => new Query('limit=+1').integer('limit'), { message: 'strconv.Atoi: parsing " 1": invalid syntax' });
  assert.throws(() => new Query('limit=99999999999999999999').integer('limit'), { message: 'strconv.Atoi: parsing "99999999999999999999": value out of range' });
});

test('sizes must be refused in the words of Docker’s resize', () => {
  const size = (text: string): number => new Query(`h=${text}`).size('h', 'resize height');
  assert.equal(size('31'), 31);
  assert.throws(() => size('x'), { message: 'invalid resize height "x": invalid syntax' });
  assert.throws(() => size(''), { message: 'invalid resize height "": invalid syntax' });
  assert.throws(() => size('-1'), { message: 'invalid resize height "-1": value out of range' });
  assert.throws(() => size('99999999999'), { message: 'invalid resize height "99999999999": value out of range' });
});

test('escapes must be read, and wrong ones refused', () => {
  const query = new Query('a=%C3%A9+b&c=1&c=2&&d');
  assert.equal(query.text('a'), 'é b');
  assert.deepEqual(query.texts('c'), ['1', '2']);
  assert.equal(query.has('d'), true);
  assert.equal(new Query('a=%ff+x').text('a'), '\ufffd x');
  assert.throws(() => new Query('all=%zz'), { message: 'invalid URL escape "%zz"' });
  assert.throws(() => new Query('all=%'), { message: 'invalid URL escape "%"' });
  assert.throws(() => new Query('a=1;b=2'), { message: 'invalid semicolon separator in query' });
});

test('event times must be seconds with up to nanoseconds', () => {
  assert.equal(parseEventTime(''), undefined);
  assert.equal(parseEventTime('5'), 5_000_000_000n);
  assert.equal(parseEventTime('1136073600.000000001'), 1_136_073_600_000_000_001n);
  assert.equal(parseEventTime('1.5'), 1_500_000_000n);
  assert.equal(parseEventTime('1.0000000019'), 1_000_000_001n);
  assert.throws(() => parseEventTime('bogus'), { message: 'strconv.ParseInt: parsing "bogus": invalid syntax' });
});
