import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import test from 'node:test';
import { canonicalText, familiarName, familiarText, parseAnyReference, parseReference, withDefaultTag, withTag } from './reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const spellings: readonly [text: string, canonical: string, familiar: string][] = [
  ['busybox', 'docker.io/library/busybox', 'busybox'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
  ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/library/busybox:latest', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['me/app', 'docker.io/me/app', 'me/app'],
  ['library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:v2', 'localhost:5000/app:v2', 'localhost:5000/app:v2'],
  ['127.0.0.1:5000/a/b', '127.0.0.1:5000/a/b', '127.0.0.1:5000/a/b'],
  ['[::1]:5000/a', '[::1]:5000/a', '[::1]:5000/a'],
  ['registry.example.com/a__b/c-d.e', 'registry.example.com/a__b/c-d.e', 'registry.example.com/a__b/c-d.e'],
  ['Registry/app', 'Registry/app', 'Registry/app'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
  [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
];

for (const [text, canonical, familiar] of spellings) {
  test(`the name ${text} must stand for ${canonical} and be shown as ${familiar}`, () => {
    const reference = parseReference(text);
    assert.equal(canonicalText(reference), canonical);
    assert.equal(familiarText(reference), familiar);
  });
}

const faults: readonly [text: string, message: string][] = [
  ['', 'invalid reference format'],
  ['Bad', 'invalid reference format: repository name (library/Bad) must be lowercase'],
  ['Bad Name', 'invalid reference format: repository name (library/Bad Name) must be lowercase'],
  ['localhost/Bad:tag', 'invalid reference format: repository name (Bad) must be lowercase'],
  ['a:b:c', 'invalid reference format'],
  ['a b', 'invalid reference format'],
  ['a:bad/tag', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['a___b', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  [`a:${'x'.repeat(129)}`, 'invalid reference format'],
  ['../a', 'invalid reference format'],
  ['a@sha256:abc', 'invalid reference format'],
  [`a@sha256:${'a'.repeat(63)}`, 'invalid checksum digest length'],
  [`a@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
  ['a'.repeat(256), 'repository name must not be more than 255 characters'],
  ['0123456789abcdef'.repeat(4), `invalid repository name (${'0123456789abcdef'.repeat(4)}), cannot specify 64-byte hexadecimal strings`],
];

for (const [text, message] of faults) {
  test(`the name ${JSON.stringify(text.slice(0, 40))} must be refused: ${message.slice(0, 60)}`, () => {
    assert.throws(() => parseReference(text), { code: 'image.invalid_reference', message });
  });
}

test('an id must be taken for an id, with and without its algorithm', () => {
  assert.deepEqual(parseAnyReference(digest), { kind: 'digest', digest });
  assert.deepEqual(parseAnyReference(digest.slice(7)), { kind: 'digest', digest });
  assert.equal(parseAnyReference(digest.slice(7, 19)).kind, 'name');
});

test('a tag must be checked when it is given apart', () => {
  assert.throws(() => withTag(parseReference('a'), 'a/b'), { message: 'invalid tag format' });
  assert.equal(familiarText(withTag(parseReference('a'), 'b')), 'a:b');
});

test('any name made by the grammar must be read, keep its parts and survive being written and read again', () => {
  const pick = <T>(from: readonly T[]): T => from[randomInt(from.length)] as T;
  const word = (): string => randomBytes(1 + randomInt(6)).toString('hex');
  const component = (): string => Array.from({ length: 1 + randomInt(3) }, word).join(pick(['.', '_', '__', '-', '---']));
  for (let round = 0; round < 2000; round++) {
    const domain = pick(['', 'localhost/', 'localhost:5000/', `${word()}.example/`, 'UPPER/', '10.1.2.3:80/', '[fe80::1]/']);
    const path = Array.from({ length: 1 + randomInt(3) }, component).join('/');
    const tag = pick(['', ':latest', `:V${word()}.x-y_z`]);
    const suffix = pick(['', `@sha256:${randomBytes(32).toString('hex')}`]);
    const text = `${domain}${path}${tag}${suffix}`;
    const reference = parseReference(text);
    assert.equal(reference.tag, tag === '' ? undefined : tag.slice(1), text);
    assert.equal(reference.digest, suffix === '' ? undefined : suffix.slice(1), text);
    assert.deepEqual(parseReference(canonicalText(reference)), reference, text);
    assert.deepEqual(parseReference(familiarText(reference)), reference, text);
    assert.ok(canonicalText(withDefaultTag(reference)).includes(familiarName(reference)), text);
  }
});

test('no text of arbitrary characters must do anything but parse or be refused as a reference', () => {
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: randomInt(30) }, () => String.fromCharCode(randomInt(0x20, 0x7f))).join('');
    try {
      const reference = parseReference(text);
      assert.deepEqual(parseReference(canonicalText(reference)), reference, text);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'image.invalid_reference', text);
    }
  }
});

test('long names must be read in time that grows no faster than they do', () => {
  const started = performance.now();
  for (const text of [`${'a.'.repeat(50_000)}!`, `${'a-'.repeat(50_000)}/!`, `${'a_'.repeat(50_000)}`, `${'a/'.repeat(50_000)}!`]) assert.throws(() => parseReference(text));
  assert.ok(performance.now() - started < 2000);
});
