import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pinPath, removePins } from './pinned-path.ts';

test('a pinned path must stay what it was, whatever takes its place, and links in it must be refused', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'dhow-pins-'));
  const pins = join(root, 'pins');
  t.after(() => {
    removePins(pins);
    rmSync(root, { recursive: true, force: true });
  });
  mkdirSync(join(root, 'base/sub'), { recursive: true });
  writeFileSync(join(root, 'base/sub/file'), 'inside');
  mkdirSync(join(root, 'elsewhere'));
  writeFileSync(join(root, 'elsewhere/file'), 'outside');
  const place = { base: '/', real: join(root, 'base/sub') };

  const target = join(pins, 'directory');
  const pinned = pinPath({ ...place, target });
  pinPath({ base: '/', real: join(root, 'base/sub/file'), target: join(pins, 'file') });
  renameSync(join(root, 'base/sub'), join(root, 'base/away'));
  symlinkSync('../elsewhere', join(root, 'base/sub'));
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'inside');
  assert.throws(() => pinPath({ ...place, target: join(pins, 'link') }), { details: { syscall: 'openat2', path: place.real, errno: 'ELOOP', reason: 'too many levels of symbolic links' } });

  pinned[Symbol.dispose]();
  assert.equal(existsSync(target), false);
  // What a daemon that died left.
  removePins(pins);
  assert.deepEqual([existsSync(join(pins, 'file')), readFileSync(join(root, 'base/away/file'), 'utf8')], [false, 'inside']);
});
