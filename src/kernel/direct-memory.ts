/** What reading and writing past the page cache (O_DIRECT, open(2)) shares: memory where disks can put it, and the switch of an open file. */
import { constants } from 'node:fs';
import { declare, koffi } from './libc.ts';

const fcntl = declare('int fcntl(int descriptor, int command, int argument)');

const F_SETFL = 4;

/** Enough for every disk: memory, place and length must be multiples of it. */
export const alignment = 4096;

const pieceSize = 1024 * 1024;

/** Bytes of a file that is worth it: for shorter ones a disk takes longer to find their places than to move them. */
export const directSize = pieceSize;

/** A piece of aligned memory; `owner` is what to release. */
export function alignedPiece(): { readonly piece: Buffer; readonly owner: Buffer } {
  const owner = Buffer.allocUnsafeSlow(pieceSize + alignment);
  const beyond = Number(koffi.address(owner) % BigInt(alignment));
  const start = (alignment - beyond) % alignment;
  return { piece: owner.subarray(start, start + pieceSize), owner };
}

/** False where the file system cannot. Other flags of the open file that F_SETFL sets are cleared. */
export function setDirect(descriptor: number, on: boolean): boolean {
  return fcntl(descriptor, F_SETFL, on ? constants.O_DIRECT : 0) === 0;
}
