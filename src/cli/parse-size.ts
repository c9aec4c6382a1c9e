/** Sizes of memory and the like in flags. */
import { readSize } from '#base/read-size.ts';

/** Bytes, units in powers of 1024. @throws Error with Docker's texts */
export function parseSize(text: string): number {
  const size = readSize(text, 1024);
  if ('problem' in size) throw new Error(size.problem);
  return size.bytes;
}
