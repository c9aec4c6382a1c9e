/** How an archive is compressed, told by its first bytes. */

export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const magics: readonly (readonly [Compression, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', Buffer.from([0x42, 0x5a, 0x68])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];

export function compressionOf(start: Buffer): Compression {
  for (const [compression, magic] of magics) {
    if (start.subarray(0, magic.length).equals(magic)) return compression;
  }
  // A zstd file may begin with a frame to be skipped (RFC 8878, 3.1.2).
  const isSkippable = start.length >= 4 && (start.readUInt32LE() & 0xfffffff0) >>> 0 === 0x184d2a50;
  return isSkippable ? 'zstd' : 'none';
}
