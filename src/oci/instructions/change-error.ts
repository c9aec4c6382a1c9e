/** The failure of an instruction, in Docker's words. */
import { fail, type EngineError } from '#base/errors/failure.ts';

export function changeError(message: string): EngineError {
  return fail('image.invalid_change', { message });
}
