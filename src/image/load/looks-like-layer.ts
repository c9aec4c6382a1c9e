/** Tells by its first bytes what may be a layer: a tar archive, or anything compressed. */
import { isFailure } from '#base/errors/failure.ts';
import { blockSize, decodeHeader } from '#oci/tar/header-decoder.ts';
import { compressionOf } from '../layer/compression.ts';

/** As many bytes are looked at. */
export const peekedBytes = blockSize;

export function looksLikeLayer(start: Buffer): boolean {
  if (compressionOf(start) !== 'none') return true;
  if (start.length < blockSize) return false;
  const demand = decodeHeader();
  try {
    demand.next(Buffer.alloc(0));
    // The end of an archive takes two blocks of zeros; after one it asks for the other.
    demand.next(start.subarray(0, blockSize));
    return true;
  } catch (error) {
    if (isFailure(error, 'layer.invalid_archive')) return false;
    throw error;
  }
}
