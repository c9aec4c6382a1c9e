/** Takes a multiplexed stream apart: frames of an 8-byte head (stream, 0, 0, 0, length) and a payload. */

export interface StreamFrame {
  /** 0 stdin, 1 stdout, 2 stderr, 3 an error of the daemon. */
  readonly stream: number;
  /** A piece of the frame's payload: large frames come in several pieces. */
  readonly data: Buffer;
  /** Whether the frame begins, and ends, with this piece. */
  readonly first: boolean;
  readonly last: boolean;
}

/** @throws Error when the daemon reports one in the stream, or a head names no stream */
export async function* readFrames(source: AsyncIterable<Buffer>): AsyncGenerator<StreamFrame> {
  let held: Buffer = Buffer.alloc(0);
  let stream = 0;
  let left = 0;
  let first = true;
  let report = '';
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (left === 0) {
        if (held.length < 8) break;
        stream = held[0] ?? 0;
        left = held.readUInt32BE(4);
        held = held.subarray(8);
        first = true;
        if (stream > 3) throw new Error(`Unrecognized input header: ${stream}`);
        continue;
      }
      if (held.length === 0) break;
      const data = held.subarray(0, left);
      held = held.subarray(data.length);
      left -= data.length;
      if (stream !== 3) {
        yield { stream, data, first, last: left === 0 };
        first = false;
      } else {
        report += data.toString();
        if (left === 0) throw new Error(`error from daemon in stream: ${report}`);
      }
    }
  }
}
