import assert from 'node:assert/strict';
import test from 'node:test';
import { parseGitAddress, withoutPassword } from './git-address.ts';

const plain = { ref: '', directory: '', checksum: '', keepDirectory: undefined, submodules: true, bare: false };
const addresses: readonly [text: string, wanted: ReturnType<typeof parseGitAddress>][] = [
  ['https://host/a/b.git', { ...plain, remote: 'https://host/a/b.git' }],
  ['https://host/b.git#main', { ...plain, remote: 'https://host/b.git', ref: 'main' }],
  ['https://host/b.git#v1/x:sub/dir', { ...plain, remote: 'https://host/b.git', ref: 'v1/x', directory: 'sub/dir' }],
  ['https://host/b.git#:sub', { ...plain, remote: 'https://host/b.git', directory: 'sub' }],
  ['git@host:a/b', { ...plain, remote: 'git@host:a/b' }],
  ['git@host:a/b.git#dev:d', { ...plain, remote: 'git@host:a/b.git', ref: 'dev', directory: 'd' }],
  ['ssh://git@host:22/b', { ...plain, remote: 'ssh://git@host:22/b' }],
  ['git://host/b', { ...plain, remote: 'git://host/b' }],
  ['github.com/a/b#x', { ...plain, remote: 'https://github.com/a/b', ref: 'x', bare: true }],
  ['https://host/b.git?branch=dev&subdir=d&keep-git-dir&submodules=false', { ...plain, remote: 'https://host/b.git', ref: 'refs/heads/dev', directory: 'd', keepDirectory: true, submodules: false }],
  ['https://host/b.git?tag=v1', { ...plain, remote: 'https://host/b.git', ref: 'refs/tags/v1' }],
  ['https://host/b.git?checksum=abc', { ...plain, remote: 'https://host/b.git', ref: 'abc', checksum: 'abc' }],
  ['https://host/b.tar.gz', undefined],
  ['https://host/b', undefined],
  ['./b.git', undefined],
  ['b.git', undefined],
  ['/host/b.git', undefined],
  ['ftp://host/b.git', undefined],
];

for (const [text, wanted] of addresses) test(`the address ${text} must be read as BuildKit reads it`, () => assert.deepEqual(parseGitAddress(text), wanted));

const faults: readonly [query: string, message: string][] = [
  ['branch=', 'query "branch" has no value'],
  ['ref=a&ref=b', 'query "ref" has multiple values'],
  ['branch=a&tag=b', 'branch conflicts with tag'],
  ['tag=b&ref=c', 'ref conflicts: "refs/tags/b" vs "c"'],
  ['keep-git-dir=maybe', 'invalid keep-git-dir value: "maybe"'],
  ['depth=1', 'unexpected query "depth"'],
];

for (const [query, message] of faults) test(`the query ${query} must be refused`, () => assert.throws(() => parseGitAddress(`https://host/b.git?${query}`), { message }));

test('passwords in addresses must not be told', () => {
  assert.equal(withoutPassword('https://me:secret@host/b.git'), 'https://me:xxxxx@host/b.git');
  assert.equal(withoutPassword('git@host:b'), 'git@host:b');
});
