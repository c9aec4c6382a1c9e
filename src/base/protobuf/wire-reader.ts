/** Reads the protobuf wire format (protobuf.dev, Encoding). Every read is bounded by the buffer; what runs over it is an error. */

const truncated = 'a protobuf message ends in the middle of a field';

export class WireReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** Number and wire type of the next field. */
  tag(): { number: number; wireType: number } {
    const value = this.unsigned();
    return { number: Math.floor(value / 8), wireType: value % 8 };
  }

  /** Up to 2^53; more is an error. */
  unsigned(): number {
    return this.short() ?? this.#long();
  }

  /** A varint that fits 49 bits, as nearly all do, which big integers take several times longer for; undefined, with nothing read: it is longer. */
  short(): number | undefined {
    const bytes = this.#bytes;
    let value = 0;
    let factor = 1;
    for (let at = this.#position, end = at + 7; at < end; at++) {
      const byte = bytes[at];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#position = at + 1;
        return value;
      }
      factor *= 128;
    }
    return undefined;
  }

  #long(): number {
    const value = this.big();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a protobuf number is too large: ${value}`);
    return Number(value);
  }

  /** A 64-bit varint as it is. */
  big(): bigint {
    let low = 0;
    let shift = 0;
    let high = 0n;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw new RangeError(truncated);
      this.#position++;
      // 28 bits fit a small integer; most numbers end there.
      if (shift < 28) low += (byte & 0x7f) * 2 ** shift;
      else high |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) return BigInt.asUintN(64, BigInt(low) | high);
      shift += 7;
    }
    throw new RangeError('a protobuf number has more than ten bytes');
  }

  bytes(): Buffer {
    return this.#take(this.unsigned());
  }

  fixed64(): Buffer {
    return this.#take(8);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.big();
    else if (wireType === 1) this.#take(8);
    else if (wireType === 2) this.bytes();
    else if (wireType === 5) this.#take(4);
    else throw new RangeError(`unknown protobuf wire type ${wireType}`);
  }

  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new RangeError(truncated);
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }
}
