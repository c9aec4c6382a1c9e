/** The parts of DNS messages (RFC 1035) that a resolver in between needs: one question, answers to it, times to live. */

export const recordType = { a: 1, authority: 6, pointer: 12, aaaa: 28, options: 41 } as const;
export const responseCode = { success: 0, serverFailure: 2, nameError: 3, notImplemented: 4 } as const;

const headerLength = 12;
const internetClass = 1;
const flag = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 } as const;
const opcodeMask = 0x7800;

export interface Question {
  /** Lower case, without the dot at the end. */
  readonly name: string;
  readonly type: number;
  /** Behind the question, in the message. */
  readonly end: number;
}

/** A standard query with one question of the internet class; undefined for anything else. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < headerLength || message.readUInt16BE(4) !== 1) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & flag.response) !== 0 || (flags & opcodeMask) !== 0) return undefined;
  const labels: string[] = [];
  let offset = headerLength;
  for (;;) {
    const length = message[offset];
    // A question never needs compression.
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    labels.push(message.toString('latin1', offset, offset + length));
    offset += length;
  }
  if (offset + 4 > message.length || message.readUInt16BE(offset + 2) !== internetClass) return undefined;
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(offset), end: offset + 4 };
}

/** An answer to the query: `data` of records of `type`, all for the name that was asked. */
export function makeAnswer(query: Buffer, question: Question, answer: { code: number; type: number; lifetime: number; data: readonly Buffer[] }): Buffer {
  const head = Buffer.from(query.subarray(0, question.end));
  head.writeUInt16BE(flag.response | flag.recursionAvailable | (query.readUInt16BE(2) & flag.recursionDesired) | answer.code, 2);
  head.writeUInt16BE(answer.data.length, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  const records = answer.data.map((data) => {
    const record = Buffer.alloc(12);
    // Compressed: the name stands behind the header.
    record.writeUInt16BE(0xc000 | headerLength, 0);
    record.writeUInt16BE(answer.type, 2);
    record.writeUInt16BE(internetClass, 4);
    record.writeUInt32BE(answer.lifetime, 6);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, ...records]);
}

/** A refusal to a query, also to one that cannot be read; undefined when not even a header is there. */
export function makeFailure(query: Buffer, code: number): Buffer | undefined {
  if (query.length < headerLength || (query.readUInt16BE(2) & flag.response) !== 0) return undefined;
  const question = readQuestion(query);
  if (question !== undefined) return makeAnswer(query, question, { code, type: 0, lifetime: 0, data: [] });
  const head = Buffer.alloc(headerLength);
  query.copy(head, 0, 0, 4);
  head.writeUInt16BE(flag.response | flag.recursionAvailable | (query.readUInt16BE(2) & (flag.recursionDesired | opcodeMask)) | code, 2);
  return head;
}

/** A name in its form on the wire, uncompressed. */
export function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '').map((label) => {
    const bytes = Buffer.from(label, 'latin1').subarray(0, 63);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** Whether the message answers the query: same number, same question. */
export function answers(message: Buffer, query: Buffer, question: Question): boolean {
  return message.length >= question.end &&
    message.readUInt16BE(0) === query.readUInt16BE(0) &&
    (message.readUInt16BE(2) & flag.response) !== 0 &&
    message.readUInt16BE(4) === 1 &&
    message.toString('latin1', headerLength, question.end).toLowerCase() === query.toString('latin1', headerLength, question.end).toLowerCase();
}

export function codeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0x000f;
}

export function isTruncated(message: Buffer): boolean {
  return (message.readUInt16BE(2) & flag.truncated) !== 0;
}

export function answerCount(message: Buffer): number {
  return message.readUInt16BE(6);
}

/** Where the times to live stand in the message; undefined when it cannot be read. */
export function lifetimeOffsets(message: Buffer): number[] | undefined {
  const offsets: number[] = [];
  let offset = headerLength;
  for (let questions = message.readUInt16BE(4); questions > 0; questions--) {
    const end = skipName(message, offset);
    if (end === undefined) return undefined;
    offset = end + 4;
  }
  for (let records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10); records > 0; records--) {
    const end = skipName(message, offset);
    if (end === undefined || end + 10 > message.length) return undefined;
    // What stands there in an OPT record are flags.
    if (message.readUInt16BE(end) !== recordType.options) offsets.push(end + 4);
    offset = end + 10 + message.readUInt16BE(end + 8);
  }
  return offset > message.length ? undefined : offsets;
}

/** How long it may be taken for right that there is no such name or record: the lesser of the authority record's own time and its last field (RFC 2308, 3 and 5); undefined without one. */
export function negativeLifetime(message: Buffer): number | undefined {
  for (const offset of lifetimeOffsets(message) ?? []) {
    const length = message.readUInt16BE(offset + 4);
    const end = offset + 6 + length;
    if (message.readUInt16BE(offset - 4) === recordType.authority && length >= 20 && end <= message.length) return Math.min(message.readUInt32BE(offset), message.readUInt32BE(end - 4));
  }
  return undefined;
}

function skipName(message: Buffer, start: number): number | undefined {
  let offset = start;
  for (;;) {
    const length = message[offset];
    if (length === undefined) return undefined;
    if (length === 0) return offset + 1;
    if ((length & 0xc0) === 0xc0) return offset + 2;
    offset += 1 + length;
  }
}
