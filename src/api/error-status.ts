/** The one place that knows HTTP statuses of errors. */
import type { ErrorKind } from '#base/errors/error-kind.ts';
import { EngineError } from '#base/errors/failure.ts';
import { errorTable } from '#base/errors/table.ts';

const statuses: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  conflict: 409,
  notModified: 304,
  system: 500,
  notImplemented: 501,
  unavailable: 503,
};

/** Status of anything thrown; what is no failure of the engine is a bug of ours: 500. */
export function errorStatus(error: unknown): number {
  return error instanceof EngineError ? statuses[errorTable[error.code].kind] : 500;
}
