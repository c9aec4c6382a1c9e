/**
 * Writes netlink messages one behind the other into one buffer, so that a single send carries them all.
 * Numbers are in the machine's byte order, which is little-endian wherever the engine runs.
 * Format: linux/netlink.h.
 */

export const messageFlag = { request: 0x1, acknowledge: 0x4, echo: 0x8, dump: 0x300, replace: 0x100, exclusive: 0x200, create: 0x400, append: 0x800 } as const;

const headerLength = 16;
const attributeHeaderLength = 4;
const nestedFlag = 0x8000;

/** What a message was for, told when the kernel refuses it. */
export interface PendingMessage {
  readonly sequence: number;
  readonly purpose: string;
  readonly subject: string;
}

export class MessageBatch {
  #buffer = Buffer.alloc(1024);
  #length = 0;
  #sequence: number;
  readonly #pending: PendingMessage[] = [];

  /** @param firstSequence number of the first message; those behind count on */
  constructor(firstSequence: number) {
    this.#sequence = firstSequence;
  }

  /** The messages that ask for an acknowledgement, in their order. */
  get pending(): readonly PendingMessage[] {
    return this.#pending;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get nextSequence(): number {
    return this.#sequence;
  }

  /** Adds a message; `body` writes its fixed part and attributes. */
  message(type: number, flags: number, told: { purpose: string; subject: string }, body: (batch: MessageBatch) => void): void {
    const start = this.#length;
    const sequence = this.#sequence++;
    this.u32(0);
    this.u16(type);
    this.u16(flags | messageFlag.request);
    this.u32(sequence);
    this.u32(0);
    body(this);
    this.#buffer.writeUInt32LE(this.#length - start, start);
    this.#align();
    if ((flags & (messageFlag.acknowledge | messageFlag.dump)) !== 0) this.#pending.push({ sequence, ...told });
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, this.#length);
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16LE(value, this.#length);
  }

  u16BigEndian(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  attribute(type: number, value: Uint8Array): void {
    this.u16(attributeHeaderLength + value.length);
    this.u16(type);
    this.raw(value);
    this.#align();
  }

  attributeU8(type: number, value: number): void {
    this.u16(attributeHeaderLength + 1);
    this.u16(type);
    this.u8(value);
    this.#align();
  }

  attributeU16(type: number, value: number): void {
    this.u16(attributeHeaderLength + 2);
    this.u16(type);
    this.u16(value);
    this.#align();
  }

  attributeU16BigEndian(type: number, value: number): void {
    this.u16(attributeHeaderLength + 2);
    this.u16(type);
    this.u16BigEndian(value);
    this.#align();
  }

  attributeU32(type: number, value: number): void {
    this.u16(attributeHeaderLength + 4);
    this.u16(type);
    this.u32(value);
  }

  /** A string with its terminating zero. */
  attributeString(type: number, value: string): void {
    this.attribute(type, Buffer.from(`${value}\0`));
  }

  nested(type: number, body: () => void): void {
    const start = this.#length;
    this.u16(0);
    this.u16(type | nestedFlag);
    body();
    this.#buffer.writeUInt16LE(this.#length - start, start);
    this.#align();
  }

  #align(): void {
    const padding = -this.#length & 3;
    this.#reserve(padding);
    this.#buffer.fill(0, this.#length, this.#length + padding);
    this.#length += padding;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + count));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** A message of the kernel's: its type and what follows the header. */
export interface ReceivedMessage {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Splits what one receive gave. */
export function* splitMessages(bytes: Buffer): Generator<ReceivedMessage> {
  let offset = 0;
  while (offset + headerLength <= bytes.length) {
    const length = bytes.readUInt32LE(offset);
    if (length < headerLength || offset + length > bytes.length) return;
    yield {
      type: bytes.readUInt16LE(offset + 4),
      sequence: bytes.readUInt32LE(offset + 8),
      payload: bytes.subarray(offset + headerLength, offset + length),
    };
    offset += (length + 3) & ~3;
  }
}

/** Attributes by type, the last of its kind winning; `bytes` begins at the first. */
export function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  let offset = 0;
  while (offset + attributeHeaderLength <= bytes.length) {
    const length = bytes.readUInt16LE(offset);
    if (length < attributeHeaderLength || offset + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(offset + 2) & 0x3fff, bytes.subarray(offset + attributeHeaderLength, offset + length));
    offset += (length + 3) & ~3;
  }
  return attributes;
}

/** The text of a string attribute, without its terminating zero. */
export function attributeText(value: Buffer | undefined): string {
  if (value === undefined) return '';
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
}
