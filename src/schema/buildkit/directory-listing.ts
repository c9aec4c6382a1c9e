/**
 * A client's directory on its way to the daemon, as our own client sends it: all entries in few large messages, then the
 * contents that are asked for, packed. The stamp of a file (times, inode, size) stands for its content: a change of the
 * content changes at least the time of the inode's last change, which nobody can set back.
 */

export type ListedKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'link';

/** One entry. Entries of a directory follow it, up to its end; all are in the order of their names. */
export interface ListedEntry {
  readonly kind: ListedKind;
  /** Without its directory. */
  readonly name: string;
  /** Permissions and special bits, 0o7777. */
  readonly mode: number;
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
  /** The same as long as the content is; of a file. */
  readonly stamp: string;
  /** Of a symbolic link its target; of a further name of a file the path of its first. */
  readonly linkName: string;
}

/** What is read of a file's status. */
export interface EntryStatus {
  readonly mode: number;
  readonly size: number;
  readonly modified: bigint;
  readonly changed: bigint;
  readonly inode: bigint;
}

/** First byte of a message: entries, the last entries, contents of files. */
export const directoryMessages = { listing: 0, lastListing: 1, contents: 2 } as const;

const marks = { up: 0, file: 1, directory: 2, symlink: 3, fifo: 4, link: 5 } as const;
const kindsByMark: Readonly<Record<number, ListedKind>> = { 1: 'file', 2: 'directory', 3: 'symlink', 4: 'fifo', 5: 'link' };
/** Mark, mode, size, three times of eight bytes, two lengths. */
const fixedLength = 1 + 2 + 8 + 24 + 2 + 4;
const stampStart = 3;
const stampLength = 32;
const messageSize = 128 * 1024;

/** Makes messages of entries; what `add` and `end` answer is to be sent, undefined: nothing yet. */
export class ListingWriter {
  #bytes = start(messageSize);
  #length = 1;

  add(kind: ListedKind, name: string, status: EntryStatus, linkName = ''): Buffer | undefined {
    const link = linkName === '' ? undefined : Buffer.from(linkName, 'utf8');
    // No character takes more than three bytes for each of its units.
    const full = this.#make(fixedLength + name.length * 3 + (link?.length ?? 0));
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at] = marks[kind];
    bytes.writeUInt16LE(status.mode, at + 1);
    bytes.writeDoubleLE(status.size, at + 3);
    bytes.writeBigInt64LE(status.modified, at + 11);
    bytes.writeBigInt64LE(status.changed, at + 19);
    bytes.writeBigUInt64LE(status.inode, at + 27);
    const length = bytes.write(name, at + fixedLength, 'utf8');
    bytes.writeUInt16LE(length, at + 35);
    bytes.writeUInt32LE(link?.length ?? 0, at + 37);
    at += fixedLength + length;
    if (link !== undefined) at += link.copy(bytes, at);
    this.#length = at;
    return full;
  }

  /** The directory has no more entries. */
  up(): Buffer | undefined {
    const full = this.#make(1);
    this.#bytes[this.#length++] = marks.up;
    return full;
  }

  /** All is listed. */
  end(): Buffer {
    const last = this.#bytes.subarray(0, this.#length);
    last[0] = directoryMessages.lastListing;
    return last;
  }

  #make(room: number): Buffer | undefined {
    if (this.#length + room <= this.#bytes.length) return undefined;
    const full = this.#bytes.subarray(0, this.#length);
    this.#bytes = start(Math.max(messageSize, room + 1));
    this.#length = 1;
    return full;
  }
}

function start(size: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  bytes[0] = directoryMessages.listing;
  return bytes;
}

/** What one message lists: entries, and `up` where a directory ends. @throws RangeError for what is no listing */
export function* readListing(message: Buffer): Generator<ListedEntry | 'up', void> {
  let at = 1;
  while (at < message.length) {
    const mark = message[at];
    if (mark === marks.up) {
      at++;
      yield 'up';
      continue;
    }
    const kind = kindsByMark[mark ?? -1];
    if (kind === undefined) throw new RangeError('a listing has an entry of an unknown kind');
    const name = at + fixedLength;
    const link = name + message.readUInt16LE(at + 35);
    const end = link + message.readUInt32LE(at + 37);
    if (end > message.length) throw new RangeError('a listing ends in the middle of an entry');
    yield {
      kind,
      name: message.toString('utf8', name, link),
      mode: message.readUInt16LE(at + 1),
      size: message.readDoubleLE(at + 3),
      modified: message.readBigInt64LE(at + 11),
      stamp: message.toString('latin1', at + stampStart, at + stampStart + stampLength),
      linkName: link === end ? '' : message.toString('utf8', link, end),
    };
    at = end;
  }
}

/** Numbers of files, counted as they were listed, as a message. */
export function packNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4);
  return bytes;
}

export function unpackNumbers(message: Buffer): number[] {
  return Array.from({ length: message.length >>> 2 }, (_, index) => message.readUInt32LE(index * 4));
}

/** Number of the file, length of the piece, 1 where it is the last. */
export const pieceHeader = 9;

/** A piece of a file. */
export interface FilePiece {
  readonly number: number;
  readonly bytes: Buffer;
  readonly last: boolean;
}

export function writePieceHeader(target: Buffer, at: number, { number, length, last }: { number: number; length: number; last: boolean }): void {
  target.writeUInt32LE(number, at);
  target.writeUInt32LE(length, at + 4);
  target[at + 8] = last ? 1 : 0;
}

/** @throws RangeError for what is no message of contents */
export function* readPieces(message: Buffer): Generator<FilePiece, void> {
  for (let at = 1; at < message.length; ) {
    const end = at + pieceHeader + message.readUInt32LE(at + 4);
    if (end > message.length) throw new RangeError('a message ends in the middle of a piece');
    yield { number: message.readUInt32LE(at), bytes: message.subarray(at + pieceHeader, end), last: message[at + 8] === 1 };
    at = end;
  }
}
