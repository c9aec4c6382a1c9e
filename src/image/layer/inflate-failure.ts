/** What is wrong with a compressed archive, in the words of Go's packages that Docker's clients see. */
import { fail, messageOf } from '#base/errors/failure.ts';

const words: Readonly<Record<string, string>> = {
  Z_BUF_ERROR: 'unexpected EOF',
  'incorrect header check': 'gzip: invalid header',
  'unknown header flags set': 'gzip: invalid header',
  'header crc mismatch': 'gzip: invalid header',
  'incorrect data check': 'gzip: invalid checksum',
  'incorrect length check': 'gzip: invalid checksum',
};

/** @param code of Node's zlib; empty: none */
export function inflateFailure(error: unknown, code: string): Error {
  const message = code.startsWith('ZSTD_') ? `zstd: ${messageOf(error)}` : (words[code] ?? words[messageOf(error)] ?? `flate: corrupt input: ${messageOf(error)}`);
  return fail('layer.invalid_archive', { message }, error);
}
