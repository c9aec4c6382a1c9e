import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { bindMount, isMountPoint, mount, mountFrom, parseMounts, readMounts, unmount, unmountAsync } from './mounts.ts';

function directory(): Disposable & { readonly path: string } {
  const path = mkdtempSync('/var/tmp/dhow-mounts-');
  return {
    path,
    [Symbol.dispose]() {
      for (const { mountPoint } of readMounts().toReversed()) if (mountPoint.startsWith(path)) unmount(mountPoint);
      rmSync(path, { recursive: true });
    },
  };
}

test('lines of mountinfo must be read, with escapes and optional fields', () => {
  const text =
    '36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime shared:27 master:1 - ext3 /dev/root\\040disk rw,errors=continue\n' +
    '54 89 0:44 / /var/lib/ä\\011 rw - overlay overlay rw,lowerdir=/a:/b\n\n';
  assert.deepEqual(parseMounts(text), [
    { id: 36, parentId: 35, device: '98:0', root: '/mnt1', mountPoint: '/mnt 2\\x', options: ['rw', 'noatime'], propagation: ['shared:27', 'master:1'], type: 'ext3', source: '/dev/root disk', superOptions: ['rw', 'errors=continue'] },
    { id: 54, parentId: 89, device: '0:44', root: '/', mountPoint: '/var/lib/ä\t', options: ['rw'], propagation: [], type: 'overlay', source: 'overlay', superOptions: ['rw', 'lowerdir=/a:/b'] },
  ]);
});

test('a mount must be seen by the kernel and go again', async () => {
  using home = directory();
  const target = `${home.path}/with space\\and ü`;
  mkdirSync(target);
  mount({ source: 'tmpfs', target, type: 'tmpfs', data: 'size=64k,mode=0711' });
  assert.equal(isMountPoint(target), true);
  assert.equal(statSync(target).mode & 0o777, 0o711);
  assert.equal(unmount(target), true);
  assert.equal(isMountPoint(target), false);
  assert.equal(unmount(target), false);
  assert.equal(await unmountAsync(target), false);
  assert.equal(await unmountAsync(`${home.path}/nothing`), false);
});

test('a mount in use must be dropped all the same', async () => {
  using home = directory();
  mount({ source: 'tmpfs', target: home.path, type: 'tmpfs' });
  mkdirSync(`${home.path}/inner`);
  mount({ source: 'tmpfs', target: `${home.path}/inner`, type: 'tmpfs' });
  assert.equal(await unmountAsync(home.path), true);
  assert.deepEqual(readMounts().filter(({ mountPoint }) => mountPoint.startsWith(home.path)), []);
});

test('a read-only bind must refuse writing', () => {
  using home = directory();
  for (const name of ['from', 'to']) mkdirSync(`${home.path}/${name}`);
  writeFileSync(`${home.path}/from/f`, 'x');
  bindMount(`${home.path}/from`, `${home.path}/to`, { readOnly: true });
  assert.deepEqual(readdirSync(`${home.path}/to`), ['f']);
  assert.throws(() => writeFileSync(`${home.path}/to/f`, 'y'), { code: 'EROFS' });
  writeFileSync(`${home.path}/from/f`, 'y');
});

test('mounting from a directory must not move the process, even when it fails', () => {
  using home = directory();
  const before = process.cwd();
  assert.throws(() => mountFrom(home.path, { source: 'x', target: `${home.path}/nothing`, type: 'tmpfs' }), {
    code: 'kernel.syscall_failed',
    message: `mount ${home.path}/nothing: no such file or directory`,
  });
  assert.equal(process.cwd(), before);
});
