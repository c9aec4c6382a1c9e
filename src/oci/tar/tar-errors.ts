/** The faults of a tar archive, with the words Docker's tar reader has for them. */
import { fail, type EngineError } from '#base/errors/failure.ts';

export function invalidHeader(): EngineError {
  return fail('layer.invalid_archive', { message: 'archive/tar: invalid tar header' });
}

export function fieldTooLong(): EngineError {
  return fail('layer.invalid_archive', { message: 'archive/tar: header field too long' });
}

export function unexpectedEnd(): EngineError {
  return fail('layer.invalid_archive', { message: 'unexpected EOF' });
}

/** The data of a sparse file is shorter (`missing`) or longer than its map says. */
export function sparseMismatch(missing: boolean): EngineError {
  const words = missing ? 'references non-existent data' : 'contains unreferenced data';
  return fail('layer.invalid_archive', { message: `archive/tar: sparse file ${words}` });
}
