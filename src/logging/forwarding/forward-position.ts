/** How far a log has been sent, on disk: a new daemon goes on there. What was sent after the last note is sent again. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { failedWith } from '#kernel/failed-with.ts';

export interface ForwardPosition {
  readonly device: number;
  readonly inode: number;
  readonly offset: number;
}

/** Undefined: nothing was sent. */
export function readPosition(path: string): ForwardPosition | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
  const [device, inode, offset] = text.trim().split(' ').map(Number);
  // A note that is none means sending everything again rather than losing any.
  if (device === undefined || inode === undefined || offset === undefined || Number.isNaN(offset)) return undefined;
  return { device, inode, offset };
}

export function writePosition(path: string, { device, inode, offset }: ForwardPosition): void {
  writeFileSync(`${path}.new`, `${device} ${inode} ${offset}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
