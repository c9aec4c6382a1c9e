/** What a client does that breaks the protocol by which it sends its files. */
import { fail } from '#base/errors/failure.ts';

/** build.session_failed */
export function broken(message: string): Error {
  return fail('build.session_failed', { message });
}

/** Messages that cannot be decoded, which fail with a RangeError, count as the client's fault, too. */
export async function receiving<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError) throw broken(error.message);
    throw error;
  }
}
