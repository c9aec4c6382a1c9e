import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { directSize } from './direct-memory.ts';
import { DirectReader } from './direct-reader.ts';

const lengths = [directSize, directSize + 1, 3 * directSize + 4096, 2 * directSize - 7, 4096, 5, 0];

/** Writes files of all lengths, drops them from the page cache where they can be, and reads them in uneven pieces. */
function readAll(directory: string): void {
  using reader = new DirectReader();
  for (const length of lengths) {
    const contents = randomBytes(length);
    const path = `${directory}/${length}`;
    writeFileSync(path, contents, { flush: true });
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
    const descriptor = openSync(path, 'r');
    try {
      reader.begin(descriptor, length);
      const found: Buffer[] = [];
      for (let position = 0, size = 1; ; size = ((size * 7) % 700_001) + 1) {
        const space = Buffer.alloc(size);
        const count = reader.read(space, position);
        if (count === 0) break;
        found.push(space.subarray(0, count));
        position += count;
      }
      assert.ok(Buffer.concat(found).equals(contents), `${length} bytes in ${directory}`);
    } finally {
      closeSync(descriptor);
    }
  }
}

function cachedBytes(path: string): number {
  return Number(execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'res', path], { encoding: 'utf8' }).trim());
}

test('long files must be read with all their bytes, whatever pieces are asked for', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  t.after(() => rmSync(directory, { recursive: true }));
  readAll(directory);
});

test('a file system that knows of no direct reading must be read like by anybody', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  t.after(() => rmSync(directory, { recursive: true }));
  execFileSync('mount', ['-t', 'ramfs', 'ramfs', directory]);
  try {
    readAll(directory);
  } finally {
    execFileSync('umount', [directory]);
  }
});

test('a long file that is not in the page cache must not be brought into it; one that is there is read from it', (t) => {
  const directory = mkdtempSync('/var/tmp/dhow-direct-');
  t.after(() => rmSync(directory, { recursive: true }));
  const path = `${directory}/long`;
  const length = 4 * directSize;
  writeFileSync(path, randomBytes(length), { flush: true });
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  assert.equal(cachedBytes(path), 0);
  using reader = new DirectReader();
  const space = Buffer.alloc(length);
  const readWhole = (): void => {
    const descriptor = openSync(path, 'r');
    try {
      reader.begin(descriptor, length);
      for (let position = 0; position < length; ) position += reader.read(space.subarray(position), position);
    } finally {
      closeSync(descriptor);
    }
  };
  readWhole();
  assert.equal(cachedBytes(path), 0);
  assert.ok(readFileSync(path).equals(space));
  space.fill(0);
  readWhole();
  assert.equal(cachedBytes(path), length);
  assert.ok(readFileSync(path).equals(space));
});
