/** The hash of an open file's bytes, from its first. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { DigestAlgorithm } from '#oci/digest.ts';

const pieceSize = 1024 * 1024;

/** @returns the hash, to be updated further, and the number of bytes */
export async function hashFile(file: FileHandle, algorithm: DigestAlgorithm, signal?: AbortSignal): Promise<{ hash: Hash; size: number }> {
  const hash = createHash(algorithm);
  const piece = Buffer.allocUnsafe(pieceSize);
  let size = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(piece, 0, pieceSize, size);
    if (bytesRead === 0) return { hash, size };
    hash.update(piece.subarray(0, bytesRead));
    size += bytesRead;
  }
}
