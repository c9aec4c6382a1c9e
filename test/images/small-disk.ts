/** A small file system in memory over a directory, to have a disk that is full. */
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';

export function mountFilesystem(directory: string, size: number): void {
  run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', directory]);
}

export function lazyUnmount(directory: string): void {
  run('umount', ['-l', directory]);
}

function run(program: string, parameters: readonly string[]): void {
  const { status, stderr } = spawnSync(program, parameters, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}
