import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { directSize } from './direct-memory.ts';
import { DirectWriter } from './direct-writer.ts';

const lengths = [directSize, directSize + 1, 3 * directSize + 4096, 2 * directSize - 7, 4096, 5, 0];

/** Writes files of all lengths in uneven pieces and reads them again. */
function writeAndRead(directory: string): void {
  using writer = new DirectWriter();
  for (const length of lengths) {
    const contents = randomBytes(length);
    const path = `${directory}/${length}`;
    const descriptor = openSync(path, 'wx');
    try {
      writer.begin(descriptor);
      for (let position = 0, size = 1; position < length; position += size, size = (size * 7) % 700_001) writer.write(contents.subarray(position, position + size));
      writer.end();
    } finally {
      closeSync(descriptor);
    }
    assert.ok(readFileSync(path).equals(contents), `${length} bytes in ${directory}`);
    rmSync(path);
  }
}

test('long files must have all their bytes, whatever pieces they come in', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  t.after(() => rmSync(directory, { recursive: true }));
  writeAndRead(directory);
});

test('a file system that knows of no direct writing must be written to like by anybody', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  execFileSync('mount', ['-t', 'ramfs', 'ramfs', directory]);
  t.after(() => {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true });
  });
  assert.throws(() => openSync(`${directory}/refused`, constants.O_WRONLY | constants.O_CREAT | constants.O_DIRECT), { code: 'EINVAL' });
  writeAndRead(directory);
});

test('what is written directly must not take the memory of the page cache', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  t.after(() => rmSync(directory, { recursive: true }));
  const path = `${directory}/long`;
  const descriptor = openSync(path, 'wx');
  t.after(() => closeSync(descriptor));
  const length = 4 * directSize + 100;
  using writer = new DirectWriter();
  writer.begin(descriptor);
  writer.write(randomBytes(length));
  writer.end();
  const { stdout } = spawnSync('fincore', ['--bytes', '--noheadings', '--output', 'res', path], { encoding: 'utf8' });
  // The last page alone is written through it.
  assert.ok(Number(stdout.trim()) <= 64 * 1024, `${stdout} bytes are in the page cache`);
});

test('a full disk must be told', (t) => {
  const descriptor = openSync('/dev/full', 'w');
  t.after(() => closeSync(descriptor));
  using writer = new DirectWriter();
  writer.begin(descriptor);
  assert.throws(() => writer.write(Buffer.alloc(directSize)), { code: 'ENOSPC' });
});
