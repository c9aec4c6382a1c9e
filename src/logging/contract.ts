/** What the engine needs of logs. Implemented in this folder. */

export interface LogQuery {
  /** Path of the json-file log; rotated files lie beside it. */
  readonly path: string;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Nanoseconds since 1970; undefined: no bound. */
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  /** Lines from the end; undefined: all. */
  readonly tail: number | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** Frames with 8-byte headers (no terminal) or plain bytes. */
  readonly multiplexed: boolean;
  /**
   * Go on until this resolves (the process ended), then read what is left and end; undefined: end at the
   * end of the log. Survives rotation.
   */
  readonly followUntil: Promise<unknown> | undefined;
  readonly signal: AbortSignal;
}

/** Chunks as the Engine API's log stream carries them. */
export type LogReader = (query: LogQuery) => AsyncIterable<Buffer>;
