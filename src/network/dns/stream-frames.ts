/** DNS messages on a stream: each behind its length in two bytes (RFC 1035, 4.2.2). */

export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that are whole now. */
  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = [];
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 2) {
      const end = 2 + bytes.readUInt16BE(0);
      if (bytes.length < end) break;
      messages.push(Buffer.from(bytes.subarray(2, end)));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    return messages;
  }
}
