/**
 * The one error type of the engine: a code from the table in `table.ts`, the details that fill its
 * text, and the cause. Callers branch on `code`, never on text. Anything else that is thrown is a bug.
 */
import { errorTable, type ErrorCode } from './table.ts';

/** Values a text is made of: strings, numbers and the like, never secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails, cause?: unknown) {
    super(errorTable[code].text(details), cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** Makes the error to throw: `throw fail('container.not_found', { reference })`. */
export function fail(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown): EngineError {
  return new EngineError(code, details, cause);
}

/** Whether `error` is the engine's error with this code. */
export function isFailure(error: unknown, code: ErrorCode): error is EngineError {
  return error instanceof EngineError && error.code === code;
}

/** The text of anything thrown, for wrapping into another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Fails as a bug of ours when `condition` does not hold. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
