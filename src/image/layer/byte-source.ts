/** Bytes as a worker takes them, without copies: a ring that the main thread fills, or a file it inflates itself. */
export interface ByteSource {
  /** Bytes that can be taken, waiting for at least one; zero at the end. */
  wait(): number;
  /** The bytes at `offset` of those that can be taken, as far as they lie together. Valid until taken. */
  view(offset: number, length: number): Buffer;
  take(length: number): void;
}
