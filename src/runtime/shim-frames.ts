/** The control protocol between daemon and shim; its other side is `native/shim/frames.h`. */

export const frameType = { started: 1, failed: 2, exited: 3, resize: 5, hello: 6, abort: 7, taken: 8 } as const;

export const role = { stdin: 1, stdout: 2, stderr: 4, control: 8 } as const;

const headerLength = 8;
/** More than any frame of a shim: longer ones mean that something else talks to us. */
const longestPayload = 1024 * 1024;

/** What a shim tells. */
export type ShimMessage =
  | { readonly type: 'started'; readonly pid: number; readonly shimPid: number; readonly startedAt: bigint | undefined }
  /** `status` is the runtime's wait status, 0 when the shim itself failed; `log` the runtime's JSON lines or the shim's words. */
  | { readonly type: 'failed'; readonly status: number; readonly log: string; readonly output: string }
  | { readonly type: 'exited'; readonly exitCode: number; readonly finishedAt: bigint; readonly signal: number | undefined };

/** The first bytes of a connection to a shim's socket. `connection`: a descriptor of a client's connection, for the shim to copy and serve. */
export function encodeHello(roles: number, connection?: number): Buffer {
  const frame = Buffer.alloc(headerLength);
  frame[0] = frameType.hello;
  frame[1] = roles;
  if (connection !== undefined) {
    frame[2] = 1;
    frame.writeInt32BE(connection, 4);
  }
  return frame;
}

export function encodeResize(rows: number, columns: number): Buffer {
  const frame = Buffer.alloc(headerLength + 4);
  frame[0] = frameType.resize;
  frame.writeUInt32BE(4, 4);
  frame.writeUInt16BE(Math.min(rows, 0xffff), headerLength);
  frame.writeUInt16BE(Math.min(columns, 0xffff), headerLength + 2);
  return frame;
}

export function encodeAbort(): Buffer {
  const frame = Buffer.alloc(headerLength);
  frame[0] = frameType.abort;
  return frame;
}

/** Cuts what arrives into messages. Frames of unknown types are passed over, so that a newer shim can be adopted. */
export class ShimMessageParser {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws Error when the bytes are not this protocol */
  push(chunk: Buffer): ShimMessage[] {
    const messages: ShimMessage[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length >= headerLength) {
      const length = data.readUInt32BE(4);
      if (length > longestPayload) throw new Error(`a frame of ${length} bytes`);
      const end = headerLength + length;
      if (data.length < end) break;
      const message = parsePayload(data[0] ?? 0, data.subarray(headerLength, end));
      if (message !== undefined) messages.push(message);
      data = data.subarray(end);
    }
    this.#rest = data;
    return messages;
  }
}

function parsePayload(type: number, payload: Buffer): ShimMessage | undefined {
  switch (type) {
    case frameType.started:
      // Shims of earlier versions do not tell the time.
      return { type: 'started', pid: payload.readUInt32BE(0), shimPid: payload.readUInt32BE(4), startedAt: payload.length >= 16 ? payload.readBigUInt64BE(8) : undefined };
    case frameType.failed: {
      const text = payload.subarray(4);
      const separator = text.indexOf(0);
      const log = separator < 0 ? text : text.subarray(0, separator);
      const output = separator < 0 ? '' : text.toString('utf8', separator + 1);
      return { type: 'failed', status: payload.readUInt32BE(0), log: log.toString('utf8'), output };
    }
    case frameType.exited:
      return { type: 'exited', exitCode: payload.readUInt32BE(0), finishedAt: payload.readBigUInt64BE(4), signal: payload.length >= 16 ? payload.readUInt32BE(12) : undefined };
    default:
      return undefined;
  }
}
