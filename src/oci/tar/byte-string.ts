/**
 * Names in archives are bytes in no certain encoding. A byte string holds one byte in each character
 * (Latin-1), so that names can be compared and used as keys without losing any.
 */
export type ByteString = string;

export function toByteString(bytes: Buffer, start: number, end: number): ByteString {
  return bytes.toString('latin1', start, end);
}

/** The bytes up to the first zero, at most `length`. */
export function readTerminated(bytes: Buffer, start: number, length: number): ByteString {
  const end = start + length;
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return bytes.toString('latin1', start, stop);
}

/** As text: UTF-8, with U+FFFD for what is none. */
export function textOf(name: ByteString): string {
  // Names are nearly always ASCII, which is itself in UTF-8.
  return /^[\x00-\x7f]*$/.test(name) ? name : Buffer.from(name, 'latin1').toString('utf8');
}

export function byteStringOf(text: string): ByteString {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
