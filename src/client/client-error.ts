/** What goes wrong between a client and the daemon. */

/** The daemon refused a request: its own message and the HTTP status. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** The daemon did not answer at all. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  /** Nothing listens there (against: the connection broke, or is not permitted). */
  readonly absent: boolean;

  /** The message does not say what was asked for, which whoever asked has to add. */
  readonly requestless: boolean;

  constructor(message: string, options: { absent: boolean; requestless?: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.absent = options.absent;
    this.requestless = options.requestless ?? false;
  }
}
