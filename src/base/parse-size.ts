/** Sizes as users write them: `512m`, `1.5 GiB` (go-units `RAMInBytes` and `FromHumanSize`). */
import { fail } from './errors/failure.ts';
import { readSize } from './read-size.ts';

/** Bytes, units in powers of 1024. @throws api.invalid_parameter with go-units' text */
export function parseBinarySize(text: string): number {
  return parseSize(text, 1024);
}

/** Bytes, units in powers of 1000. @throws api.invalid_parameter with go-units' text */
export function parseDecimalSize(text: string): number {
  return parseSize(text, 1000);
}

function parseSize(text: string, base: 1000 | 1024): number {
  const size = readSize(text, base);
  if ('problem' in size) throw fail('api.invalid_parameter', { message: size.problem });
  return size.bytes;
}
