/** Whether bytes begin a tar archive: by the checksum of its first header (POSIX ustar; archives older than it have one, too). */
const blockSize = 512;
const checksumAt = 148;
const checksumLength = 8;

export function beginsTar(bytes: Uint8Array): boolean {
  if (bytes.length < blockSize) return false;
  const block = bytes.subarray(0, blockSize);
  const text = Buffer.from(block.subarray(checksumAt, checksumAt + checksumLength)).toString('latin1').replaceAll('\0', ' ').trim();
  if (!/^[0-7]+$/.test(text)) return false;
  // It is taken with blanks in its own place.
  const sum = block.reduce((total, byte, index) => total + (index >= checksumAt && index < checksumAt + checksumLength ? 32 : byte), 0);
  return Number.parseInt(text, 8) === sum;
}
