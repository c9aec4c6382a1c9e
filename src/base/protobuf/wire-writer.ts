/** Writes the protobuf wire format (protobuf.dev, Encoding) into pieces that are joined at the end. */

export class WireWriter {
  readonly #pieces: Buffer[] = [];
  #length = 0;

  tag(number: number, wireType: 0 | 2): void {
    this.varint(BigInt(number * 8 + wireType));
  }

  /** Negative numbers take ten bytes, as int32 and int64 have them. */
  varint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    if (rest < 0x80n) return this.#push(Buffer.of(Number(rest)));
    const bytes: number[] = [];
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#push(Buffer.from(bytes));
  }

  bytes(value: Uint8Array): void {
    this.varint(BigInt(value.length));
    this.#push(Buffer.isBuffer(value) ? value : Buffer.from(value));
  }

  finish(): Buffer {
    return Buffer.concat(this.#pieces, this.#length);
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }
}
