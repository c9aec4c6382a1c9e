import assert from 'node:assert/strict';
import test from 'node:test';
import { listFlag, mapFlag } from './flags/list-flags.ts';
import { bytesFlag, processorsFlag } from './flags/size-flags.ts';
import { booleanFlag, durationFlag, integerFlag, textFlag } from './flags/scalar-flags.ts';
import { parseFlags } from './parse-flags.ts';

const declarations = {
  all: booleanFlag({ short: 'a', text: '' }),
  interactive: booleanFlag({ short: 'i', text: '' }),
  tty: booleanFlag({ short: 't', text: '' }),
  publish: listFlag({ short: 'p', text: '' }),
  name: textFlag({ text: '' }),
  last: integerFlag({ short: 'n', text: '', initial: -1 }),
  memory: bytesFlag({ short: 'm', text: '' }),
  cpus: processorsFlag({ text: '' }),
  interval: durationFlag({ text: '' }),
  sysctl: mapFlag({ text: '' }),
  network: listFlag({ text: '' }),
  net: listFlag({ text: '', aliasOf: 'network', hidden: true }),
  time: integerFlag({ text: '', deprecated: 'use --timeout instead' }),
};

function parse(words: readonly string[], interspersed = true) {
  const warnings: string[] = [];
  return { ...parseFlags(declarations, words, { interspersed, warn: (line) => warnings.push(line) }), warnings };
}

test('flags must be read in every spelling', () => {
  const { values, arguments: rest } = parse(['-ai', '-t=false', '-p80:80', '-p', '81:81', '--publish=82:82', '--name', 'x', '-n=5', 'one', '-m', '1.5g', 'two']);
  assert.equal(values['all'], true);
  assert.equal(values['interactive'], true);
  assert.equal(values['tty'], false);
  assert.deepEqual(values['publish'], ['80:80', '81:81', '82:82']);
  assert.equal(values['name'], 'x');
  assert.equal(values['last'], 5);
  assert.equal(values['memory'], 1.5 * 1024 ** 3);
  assert.deepEqual(rest, ['one', 'two']);
});

test('the first argument must end the flags of run and exec, and two dashes those of any', () => {
  assert.deepEqual(parse(['-i', 'busybox', '-a', '--name'], false).arguments, ['busybox', '-a', '--name']);
  assert.deepEqual(parse(['-i', '--', '-a']).arguments, ['-a']);
  assert.deepEqual(parse(['x', '--', '--', '-a']).arguments, ['x', '--', '-a']);
  assert.deepEqual(parse(['-', '']).arguments, ['-', '']);
});

test('an alias must set the value of the flag it stands for', () => {
  const { values, given } = parse(['--net', 'a', '--network', 'b', '--net=c']);
  assert.deepEqual(values['network'], ['a', 'b', 'c']);
  assert.ok(given.has('net') && given.has('network'));
});

test('a deprecated flag must work and warn', () => {
  const { values, warnings } = parse(['--time', '5']);
  assert.equal(values['time'], 5);
  assert.deepEqual(warnings, ['Flag --time has been deprecated, use --timeout instead']);
});

const refusals: readonly (readonly [words: readonly string[], message: string])[] = [
  [['--bogus'], 'unknown flag: --bogus'],
  [['--bogus=1'], 'unknown flag: --bogus'],
  [['-x'], "unknown shorthand flag: 'x' in -x"],
  [['-ax'], "unknown shorthand flag: 'x' in -x"],
  [['--name'], 'flag needs an argument: --name'],
  [['-p'], "flag needs an argument: 'p' in -p"],
  [['-ap'], "flag needs an argument: 'p' in -p"],
  [['--=x'], 'bad flag syntax: --=x'],
  [['---x'], 'bad flag syntax: ---x'],
  [['-n', 'abc'], 'invalid argument "abc" for "-n, --last" flag: strconv.ParseInt: parsing "abc": invalid syntax'],
  [['-n', '99999999999999999999'], 'invalid argument "99999999999999999999" for "-n, --last" flag: strconv.ParseInt: parsing "99999999999999999999": value out of range'],
  [['--all=maybe'], 'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax'],
  [['-m', 'abc'], 'invalid argument "abc" for "-m, --memory" flag: invalid size: \'abc\''],
  [['-m', '1q'], 'invalid argument "1q" for "-m, --memory" flag: invalid suffix: \'q\''],
  [['--cpus', 'x'], 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number'],
  [['--interval', '5'], 'invalid argument "5" for "--interval" flag: time: missing unit in duration "5"'],
  [['--interval', '5q'], 'invalid argument "5q" for "--interval" flag: time: unknown unit "q" in duration "5q"'],
  [['--help=x'], 'invalid argument "x" for "--help" flag: strconv.ParseBool: parsing "x": invalid syntax'],
];

for (const [words, message] of refusals) {
  test(`${words.join(' ')} must be refused with Docker's text`, () => {
    assert.throws(() => parse(words), { name: 'FlagFailure', message });
  });
}

test('numbers must be read as Go reads them', () => {
  assert.equal(parse(['-n', '0x10']).values['last'], 16);
  assert.equal(parse(['-n', '1_000']).values['last'], 1000);
  assert.equal(parse(['-n', '010']).values['last'], 8);
  assert.equal(parse(['-n', '-3']).values['last'], -3);
  assert.equal(parse(['--cpus', '1/4']).values['cpus'], 250_000_000);
  assert.equal(parse(['--cpus', '1e-1']).values['cpus'], 100_000_000);
  assert.equal(parse(['--interval', '1h2m3.5s']).values['interval'], 3_723_500_000_000);
});

test('help must be seen beside other flags, by both its names', () => {
  assert.equal(parse(['-a', '--help']).helpRequested, true);
  const short = parse(['-ah']);
  assert.equal(short.helpRequested, true);
  assert.deepEqual(short.warnings, ['Flag shorthand -h has been deprecated, use --help']);
});
