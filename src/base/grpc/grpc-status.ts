/** How a gRPC call ends (grpc.io, Status codes). */

/** Codes that are told apart here. */
export const statusCodes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5, alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

const statusNames = [
  'OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal',
  'Unavailable', 'DataLoss', 'Unauthenticated',
];

/** As Go's library names a code. */
export function statusName(code: number): string {
  return statusNames[code] ?? `Code(${code})`;
}

/** A call that ended with another code than ok. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: number;
  /** Encoded `google.rpc.Status`, for `grpc-status-details-bin`; undefined: none. */
  readonly details: Buffer | undefined;

  constructor(code: number, message: string, options: { details?: Buffer | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/** `grpc-message`: percent-encoded UTF-8. */
export function encodeStatusMessage(message: string): string {
  return [...Buffer.from(message, 'utf8')].map((byte) => (byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('');
}

/** What cannot be decoded stays as it is. */
export function decodeStatusMessage(text: string): string {
  const bytes: number[] = [];
  for (let place = 0; place < text.length; place++) {
    const hex = text.slice(place + 1, place + 3);
    if (text[place] === '%' && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      place += 2;
    } else bytes.push(text.charCodeAt(place));
  }
  return Buffer.from(bytes).toString('utf8');
}
