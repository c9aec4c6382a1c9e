/** What a log driver is: it checks its options, and opens a sink that takes messages to its server. */

/** What a driver may know of a container. */
export interface LogInfo {
  readonly options: Readonly<Record<string, string>>;
  readonly containerId: string;
  /** With the leading slash. */
  readonly containerName: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly imageId: string;
  readonly imageName: string;
  /** RFC 3339. */
  readonly created: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface LogMessage {
  readonly stream: 'stdout' | 'stderr';
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** Without the line's end. */
  readonly line: Buffer;
  /** A line that came in pieces. */
  readonly partial: { readonly id: string; readonly ordinal: number; readonly last: boolean } | undefined;
}

/** A connection to where a driver sends its messages. */
export interface LogSink {
  /** Resolves when all are handed over (or acknowledged, where the protocol has that). Rejects when they have to be sent again, to a new sink. */
  send(messages: readonly LogMessage[], signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Tells the daemon's log of what cannot be sent at all. */
export type Warn = (message: string) => void;

/** How a driver takes it that its server is away, where the container's options say so. */
export interface Patience {
  /** Milliseconds before a try. @param attempt from 1, the first after a failure */
  pause(attempt: number): number;
  /** Tries after the first until the oldest message is given up; undefined: it is never given up. */
  readonly tries?: number | undefined;
  /** Messages that may wait for a server that is away; what comes after them is dropped. Undefined: any number. */
  readonly waiting?: number | undefined;
}

export interface LogDriver {
  /** What is refused at create. @throws logging.driver_refused */
  validate(options: Readonly<Record<string, string>>): void;
  /** @throws logging.driver_refused with Docker's text when the options or the server refuse it */
  open(info: LogInfo, signal: AbortSignal, warn?: Warn): Promise<LogSink>;
  /** Undefined: sending goes on, ever more slowly, until it succeeds. */
  patience?(options: Readonly<Record<string, string>>): Patience | undefined;
  /** Milliseconds to gather messages before they are sent; 0: at once. */
  readonly gathering?: number;
}
