import assert from 'node:assert/strict';
import test from 'node:test';
import { completeReference, fullName, parseImageReference, referenceText } from './image-reference.ts';

const digest = `sha256:${'0'.repeat(64)}`;
const names: readonly (readonly [given: string, shown: string, full: string])[] = [
  ['busybox', 'busybox:latest', 'docker.io/library/busybox'],
  ['team/app:1.0', 'team/app:1.0', 'docker.io/team/app'],
  ['docker.io/library/busybox', 'busybox:latest', 'docker.io/library/busybox'],
  ['index.docker.io/busybox', 'busybox:latest', 'docker.io/library/busybox'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app'],
  ['localhost:5000/a/b:tag', 'localhost:5000/a/b:tag', 'localhost:5000/a/b'],
  [`busybox@${digest}`, `busybox@${digest}`, 'docker.io/library/busybox'],
  [`busybox:1@${digest}`, `busybox:1@${digest}`, 'docker.io/library/busybox'],
];

for (const [given, shown, full] of names) {
  test(`${given} must mean ${shown} of ${full}`, () => {
    const reference = completeReference(parseImageReference(given));
    assert.equal(referenceText(reference), shown);
    assert.equal(fullName(reference), full);
  });
}

for (const [given, message] of [
  ['', 'invalid reference format'],
  [':x', 'invalid reference format'],
  ['a:b:c', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['busybox@sha256:xx', 'invalid reference format'],
  ['Busybox', 'invalid reference format: repository name (library/Busybox) must be lowercase'],
  ['foo/Bar:x', 'invalid reference format: repository name (foo/Bar) must be lowercase'],
  ['0'.repeat(64), `invalid repository name (${'0'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
] as const) {
  test(`${given.slice(0, 20)} must be refused with Docker's text`, () => {
    assert.throws(() => parseImageReference(given), { message });
  });
}
