import assert from 'node:assert/strict';
import test from 'node:test';
import { formatPlatform, parsePlatform, platformRank, runsOn } from './platform.ts';

const rank = (wanted: string, offered: string): number | undefined => platformRank(parsePlatform(wanted), parsePlatform(offered));

test('platforms must be read in all their spellings', () => {
  for (const [text, formatted] of [
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['arm64', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64/v8'],
    ['linux/arm', 'linux/arm'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm/v6', 'linux/arm/v6'],
    ['macos/arm64', 'darwin/arm64'],
    ['windows(10.0.17763)/amd64', 'windows(10.0.17763)/amd64'],
  ] as const) {
    assert.equal(formatPlatform(parsePlatform(text)), formatted);
  }
});

test('what is no platform must be refused with the words of Docker', () => {
  assert.throws(() => parsePlatform('foo/bar/x/y'), { message: '"foo/bar/x/y": cannot parse platform specifier: invalid argument' });
  assert.throws(() => parsePlatform('bogus'), { message: '"bogus": unknown operating system or architecture: invalid argument' });
  assert.throws(() => parsePlatform('*'), { message: '"*": wildcards not yet supported: invalid argument' });
  assert.throws(() => parsePlatform('linux/a b'), /^EngineError: "a b" is an invalid component of "linux\/a b"/);
});

test('the exact platform must be preferred to an older variant, and that to another architecture that runs', () => {
  assert.equal(rank('linux/amd64', 'linux/amd64'), 0);
  assert.ok((rank('linux/amd64', 'linux/386') ?? 0) > 0);
  assert.equal(rank('linux/amd64', 'linux/arm64'), undefined);
  assert.equal(rank('linux/amd64', 'windows/amd64'), undefined);
  assert.equal(rank('linux/arm/v7', 'linux/arm/v6'), 1);
  assert.equal(rank('linux/arm/v6', 'linux/arm/v7'), undefined);
  assert.equal(rank('linux/arm64', 'linux/arm64/v8'), 0);
  assert.ok((rank('linux/arm64', 'linux/arm/v7') ?? 0) > 0);
});

test('an image without a variant must run wherever its architecture does', () => {
  assert.ok(runsOn(parsePlatform('linux/arm/v6'), { os: 'linux', architecture: 'arm' }));
  assert.ok(!runsOn(parsePlatform('linux/arm/v6'), { os: 'linux', architecture: 'arm', variant: 'v7' }));
});
