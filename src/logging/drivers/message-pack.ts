/** Writes MessagePack (the parts of its specification that fluentd's forward protocol needs) and reads an acknowledgement. */

export function packText(bytes: Buffer | string): Buffer {
  const content = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  return Buffer.concat([textHead(content.length), content]);
}

function textHead(length: number): Buffer {
  if (length < 32) return Buffer.from([0xa0 | length]);
  if (length < 0x100) return Buffer.from([0xd9, length]);
  const head = Buffer.alloc(length < 0x10000 ? 3 : 5);
  head[0] = length < 0x10000 ? 0xda : 0xdb;
  if (length < 0x10000) head.writeUInt16BE(length, 1);
  else head.writeUInt32BE(length, 1);
  return head;
}

export function packMap(entries: readonly (readonly [key: string, value: Buffer | string])[]): Buffer {
  const head = entries.length < 16 ? Buffer.from([0x80 | entries.length]) : Buffer.from([0xde, entries.length >>> 8, entries.length & 0xff]);
  return Buffer.concat([head, ...entries.flatMap(([key, value]) => [packText(key), packText(value)])]);
}

/** Fewer than sixteen parts. */
export function packArray(parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x90 | parts.length]), ...parts]);
}

/** Whole seconds as a 32 bit number, or fluentd's EventTime with nanoseconds. */
export function packTime(nanoseconds: bigint, precise: boolean): Buffer {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  if (!precise) {
    const bytes = Buffer.alloc(5);
    bytes[0] = 0xd2;
    bytes.writeInt32BE(seconds | 0, 1);
    return bytes;
  }
  const bytes = Buffer.alloc(10);
  bytes[0] = 0xd7;
  bytes.writeUInt32BE(seconds >>> 0, 2);
  bytes.writeUInt32BE(Number(nanoseconds % 1_000_000_000n), 6);
  return bytes;
}

/** The text of `ack` in an answer and the bytes the answer took; undefined while it is not whole or is none. */
export function readAcknowledgement(bytes: Buffer): { readonly text: string; readonly length: number } | undefined {
  if (bytes.length < 1 || bytes[0] !== 0x81) return undefined;
  const key = readText(bytes, 1);
  if (key === undefined) return undefined;
  const value = readText(bytes, key.end);
  return value === undefined ? undefined : { text: key.text === 'ack' ? value.text : '', length: value.end };
}

function readText(bytes: Buffer, at: number): { text: string; end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  let start = at + 1;
  let length: number;
  if ((first & 0xe0) === 0xa0) length = first & 0x1f;
  else if (first === 0xd9 || first === 0xc4) {
    length = bytes[at + 1] ?? Number.POSITIVE_INFINITY;
    start += 1;
  } else if (first === 0xda && bytes.length >= at + 3) {
    length = bytes.readUInt16BE(at + 1);
    start += 2;
  } else return undefined;
  return bytes.length < start + length ? undefined : { text: bytes.toString('utf8', start, start + length), end: start + length };
}
