/**
 * What sort of fault an error is. The API maps a kind to an HTTP status in one place
 * (`src/api/error-status.ts`); nothing else knows statuses.
 */
export type ErrorKind =
  | 'invalid' // the caller's request is malformed or contradicts itself: 400
  | 'unauthorized' // 401
  | 'forbidden' // 403
  | 'notFound' // 404
  | 'conflict' // the object's state does not allow it: 409
  | 'notModified' // already so: 304
  | 'system' // the environment (kernel, disk, runtime) stood in the way: 500
  | 'notImplemented' // 501
  | 'unavailable'; // 503

/** One row of the table: the kind and how the text is made from the details. */
export interface ErrorRow {
  readonly kind: ErrorKind;
  // Details are filled by the thrower; each row names the fields it reads.
  readonly text: (details: Readonly<Record<string, unknown>>) => string;
}
