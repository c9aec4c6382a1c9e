import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { unpackLocal } from './unpack-local.ts';

function places(t: TestContext): { inside: string; outside: string } {
  const root = mkdtempSync(join(tmpdir(), 'dhow-unpack-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [inside, outside] = [join(root, 'inside'), join(root, 'outside')];
  mkdirSync(inside);
  mkdirSync(outside);
  return { inside, outside };
}

function archive(...members: (TarHeader & { readonly text?: string })[]): AsyncIterable<Uint8Array> {
  return writeTar(members.map(({ text, ...header }) => ({ header, ...(text !== undefined && { body: Buffer.from(text) }) })));
}

test('contents, modes, times and links must arrive', async (t) => {
  const { inside } = places(t);
  const modified = { seconds: 1_600_000_000, nanoseconds: 0 };
  await unpackLocal(
    archive(
      { name: 'tree/', type: 'directory', mode: 0o750, modified },
      { name: 'tree/file', type: 'file', mode: 0o4711, modified, text: 'contents' },
      { name: 'tree/hard', type: 'hardlink', linkName: 'tree/file' },
      { name: 'tree/link', type: 'symlink', linkName: '../nowhere', modified },
    ),
    inside,
    [{ from: 'tree', to: 'new' }],
  );
  assert.equal(readFileSync(join(inside, 'new/hard'), 'utf8'), 'contents');
  assert.deepEqual(['new', 'new/file'].map((name) => lstatSync(join(inside, name)).mode & 0o7777), [0o750, 0o4711]);
  assert.deepEqual(['new', 'new/file', 'new/link'].map((name) => lstatSync(join(inside, name)).mtimeMs), Array(3).fill(1_600_000_000_000));
});

test('no entry may be written outside, by its name or through a link', async (t) => {
  const { inside, outside } = places(t);
  const file = { type: 'file', text: 'x' } as const;
  await assert.rejects(unpackLocal(archive({ name: '../outside/file', ...file }), inside, []), /invalid entry name "..\/outside\/file"/);
  await assert.rejects(unpackLocal(archive({ name: 'link', type: 'symlink', linkName: outside }, { name: 'link/file', ...file }), inside, []), /path escapes from parent/);
  symlinkSync(outside, join(inside, 'present'));
  await assert.rejects(unpackLocal(archive({ name: 'present/sub/file', ...file }), inside, []), /path escapes from parent/);
  await unpackLocal(archive({ name: 'link', ...file }), inside, []);
  assert.equal(lstatSync(join(inside, 'link')).isFile(), true);
  assert.deepEqual(readdirSync(outside), []);
});

test('a directory must not be replaced by a file, nor a file by a directory', async (t) => {
  const { inside } = places(t);
  await unpackLocal(archive({ name: 'directory/', type: 'directory' }, { name: 'file', type: 'file', text: 'x' }), inside, []);
  await assert.rejects(unpackLocal(archive({ name: 'directory', type: 'file', text: 'x' }), inside, []), /^CommandFailure: cannot overwrite directory/);
  await assert.rejects(unpackLocal(archive({ name: 'file/', type: 'directory' }), inside, []), /^CommandFailure: cannot overwrite non-directory/);
});

test('a named pipe must be made with its mode', async (t) => {
  const { inside } = places(t);
  await unpackLocal(archive({ name: 'pipe', type: 'fifo' }, { name: 'file', type: 'file', text: 'x' }), inside, []);
  assert.deepEqual(readdirSync(inside).sort(), ['file', 'pipe']);
  assert.ok(lstatSync(join(inside, 'pipe')).isFIFO());
});

test('a symbolic link that leads out of the directory must be refused', async (t) => {
  const { inside } = places(t);
  await assert.rejects(unpackLocal(archive({ name: 'up', type: 'symlink', linkName: '../../etc/passwd' }), inside, []), /^CommandFailure: invalid symlink ".*up" -> "..\/..\/etc\/passwd"/);
  await unpackLocal(archive({ name: 'abs', type: 'symlink', linkName: '/etc/passwd' }), inside, []);
  assert.deepEqual(readdirSync(inside), ['abs']);
});
