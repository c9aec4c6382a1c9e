import assert from 'node:assert/strict';
import { closeSync, constants, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { getAttribute, listAttributes, setAttribute } from './extended-attributes.ts';
import { failedWith } from './failed-with.ts';
import { changeMode, changeOwner, changeTimes, makeDirectory, makeLink, makeNode, makeSymlink, moveNode, nodeKinds, openNode, readSymlink, removeNode, statDescriptor, statNode } from './file-nodes.ts';

function directory(): Disposable & { readonly path: string } {
  const path = mkdtempSync('/var/tmp/dhow-nodes-');
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('nodes of every kind must be made with their numbers', () => {
  using home = directory();
  makeDirectory(`${home.path}/d`, 0o700);
  makeNode(`${home.path}/fifo`, nodeKinds.fifo | 0o600);
  makeNode(`${home.path}/char`, nodeKinds.character | 0o600, { major: 4095, minor: 1_048_575 });
  makeNode(`${home.path}/block`, nodeKinds.block | 0o600, { major: 8, minor: 257 });
  makeNode(`${home.path}/whiteout`, nodeKinds.character);
  makeSymlink('target', `${home.path}/link`);
  makeLink(`${home.path}/link`, `${home.path}/hard`);
  const rdev = (name: string): number => lstatSync(`${home.path}/${name}`).rdev;
  assert.equal(rdev('char'), (4095 << 8) + 255 + (1_048_575 >> 8) * 0x100000);
  assert.equal(rdev('block'), (8 << 8) | 1 | (256 << 12));
  assert.equal(rdev('whiteout'), 0);
  assert.equal(readSymlink(`${home.path}/hard`), 'target');
  const kinds = ['d', 'fifo', 'char', 'block', 'link', 'hard'].map((name) => statNode(`${home.path}/${name}`)?.kind);
  assert.deepEqual(kinds, [nodeKinds.directory, nodeKinds.fifo, nodeKinds.character, nodeKinds.block, nodeKinds.symlink, nodeKinds.symlink]);
});

test('owner, mode and times must be exact, and of a link itself', () => {
  using home = directory();
  writeFileSync(`${home.path}/f`, 'x');
  makeSymlink('f', `${home.path}/link`);
  changeOwner(`${home.path}/link`, 4_000_000_000, 7);
  changeTimes(`${home.path}/link`, { seconds: 5, nanoseconds: 6 }, { seconds: 1_700_000_000, nanoseconds: 999_999_999 });
  const link = lstatSync(`${home.path}/link`, { bigint: true });
  assert.deepEqual([link.uid, link.gid, link.atimeNs, link.mtimeNs], [4_000_000_000n, 7n, 5_000_000_006n, 1_700_000_000_999_999_999n]);
  assert.equal(statNode(`${home.path}/f`)?.uid, 0);
  changeMode(`${home.path}/f`, 0o6711);
  const status = statNode(`${home.path}/f`);
  assert.deepEqual([status?.mode, status?.size, status?.links], [0o6711, 1, 1]);
});

test('names in any encoding must pass unchanged', () => {
  using home = directory();
  const name = Buffer.from([0x6e, 0xff, 0xe4, 0x0a]);
  closeSync(openNode(`${home.path}/${name.toString('latin1')}`, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
  assert.deepEqual(readdirSync(home.path, { encoding: 'buffer' }), [name]);
});

test('failures must tell the call, the path and the number', () => {
  using home = directory();
  assert.equal(statNode(`${home.path}/none`), undefined);
  assert.throws(() => removeNode(`${home.path}/none`), (error) => failedWith(error, 'ENOENT') && error instanceof Error && error.message === `unlinkat ${home.path}/none: no such file or directory`);
  assert.throws(() => openNode('n'.repeat(5000), 0), (error) => failedWith(error, 'ENAMETOOLONG'));
  assert.throws(() => makeDirectory('a\0b', 0o700), (error) => failedWith(error, 'EINVAL'));
  assert.equal(failedWith(new Error('ENOENT'), 'ENOENT'), false);
});

test('a node must be moved below the directory of a descriptor', () => {
  using home = directory();
  mkdirSync(`${home.path}/d`);
  writeFileSync(`${home.path}/f`, 'contents');
  const descriptor = openSync(`${home.path}/d`, 'r');
  try {
    moveNode(`${home.path}/f`, descriptor, 'moved');
    assert.equal(statDescriptor(descriptor).kind, nodeKinds.directory);
  } finally {
    closeSync(descriptor);
  }
  assert.equal(readFileSync(`${home.path}/d/moved`, 'utf8'), 'contents');
});

test('extended attributes must be set, read and listed, large ones too, on links not through them', () => {
  using home = directory();
  writeFileSync(`${home.path}/f`, '');
  makeSymlink('f', `${home.path}/link`);
  setAttribute(`${home.path}/f`, 'user.small', Buffer.from([0, 255]));
  setAttribute(`${home.path}/f`, 'user.empty', Buffer.alloc(0));
  setAttribute(`${home.path}/f`, 'user.large', Buffer.alloc(2500, 'x'));
  const name = `trusted.${Buffer.from('ü').toString('latin1')}`;
  setAttribute(`${home.path}/link`, name, Buffer.from('u'));
  assert.deepEqual(listAttributes(`${home.path}/link`), [name]);
  assert.equal(getAttribute(`${home.path}/link`, name)?.toString(), 'u');
  setAttribute(`${home.path}/link`, 'trusted.link', Buffer.from('l'));
  assert.deepEqual(listAttributes(`${home.path}/f`).sort(), ['user.empty', 'user.large', 'user.small']);
  assert.deepEqual(listAttributes(`${home.path}/link`).sort(), ['trusted.link', name]);
  assert.deepEqual(getAttribute(`${home.path}/f`, 'user.small'), Buffer.from([0, 255]));
  assert.equal(getAttribute(`${home.path}/f`, 'user.large')?.length, 2500);
  assert.equal(getAttribute(`${home.path}/f`, 'user.empty')?.length, 0);
  assert.equal(getAttribute(`${home.path}/f`, 'user.none'), undefined);
  assert.throws(() => setAttribute(`${home.path}/f`, 'bogus', Buffer.alloc(1)), { message: `lsetxattr ${home.path}/f: xattr "bogus": operation not supported` });
});
