/** Gives the daemon a directory in few large messages (schema/buildkit/directory-listing). Blocking, as that is several times faster for many small files. */
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';
import { IgnorePatterns } from '#base/ignore-patterns.ts';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { directoryMessages, ListingWriter, pieceHeader, unpackNumbers, writePieceHeader, type EntryStatus } from '#schema/buildkit/directory-listing.ts';
import { ContextLitter } from '../context-litter.ts';
import type { SentDirectory } from './send-directory.ts';
import { sortedByBytes } from './sorted-by-bytes.ts';
import { isWanted, wantedPaths } from './wanted-paths.ts';

const messageSize = 256 * 1024;
/** Milliseconds within which a second change of a file may not show in the time of its last change. */
const clockStep = 20;

/** @throws GrpcError */
export async function sendPacked(directory: SentDirectory, messages: AsyncIterable<Buffer>, send: (message: Uint8Array) => Promise<void>): Promise<void> {
  const paths: string[] = [];
  for (const message of listing(directory, paths)) await send(message);
  const pack = new Pack(send);
  for await (const message of messages) {
    for (const number of unpackNumbers(message)) {
      const path = paths[number];
      if (path === undefined) throw new GrpcError(statusCodes.invalidArgument, `file ${number} was not listed`);
      await pack.add(number, `${directory.path}/${path}`);
    }
    await pack.flush();
  }
}

/** Files into messages: small ones together, large ones in pieces. */
class Pack {
  readonly #send: (message: Uint8Array) => Promise<void>;
  readonly #litter = new ContextLitter();
  #bytes = emptyMessage();
  #length = 1;

  constructor(send: (message: Uint8Array) => Promise<void>) {
    this.#send = send;
  }

  async add(number: number, path: string): Promise<void> {
    const file = openSync(path, 'r');
    try {
      for (let last = false; !last; ) {
        if (this.#length + pieceHeader + 4096 > messageSize) await this.flush();
        const start = this.#length + pieceHeader;
        let end = start;
        while (end < messageSize) {
          const read = readSync(file, this.#bytes, end, messageSize - end, null);
          last = read === 0;
          if (last) break;
          end += read;
        }
        writePieceHeader(this.#bytes, this.#length, { number, length: end - start, last });
        this.#length = end;
      }
    } finally {
      closeSync(file);
    }
  }

  async flush(): Promise<void> {
    if (this.#length === 1) return;
    const message = this.#bytes.subarray(0, this.#length);
    // What is being sent is not written to any more.
    this.#bytes = emptyMessage();
    this.#length = 1;
    await this.#send(message);
    this.#litter.dropped(message.length);
  }
}

function emptyMessage(): Buffer {
  const bytes = Buffer.allocUnsafeSlow(messageSize);
  bytes[0] = directoryMessages.contents;
  return bytes;
}

/** Messages with all entries; `paths` gets those of the files. Owners are left out: every file of a context is root's. */
function* listing({ path: root, exclude, follow }: SentDirectory, paths: string[]): Generator<Buffer, void> {
  const wanted = follow.length === 0 ? undefined : wantedPaths(root, follow);
  const ignored = exclude.length === 0 ? undefined : IgnorePatterns.parse(exclude.join('\n'));
  const linked = new Map<bigint, string>();
  const young = BigInt(Date.now() - clockStep) * 1_000_000n;
  const scan = BigInt(Date.now()) * 1_000_000n + process.hrtime.bigint() % 1_000_000n;
  const writer = new ListingWriter();
  yield* below(root, '');
  yield writer.end();

  /** What was changed just now may be changed again without a trace: it gets a time that it will not have again. */
  function statusOf(status: BigIntStats, mode: number): EntryStatus {
    const { ctimeNs } = status;
    return { mode: mode & 0o7777, size: Number(status.size), modified: status.mtimeNs, changed: ctimeNs > young ? scan : ctimeNs, inode: status.ino };
  }

  function* below(directory: string, prefix: string): Generator<Buffer, void> {
    for (const name of sortedByBytes(readdirSync(directory))) {
      const path = `${prefix}${name}`;
      if (wanted !== undefined && !isWanted(path, wanted)) continue;
      const full = `${directory}/${name}`;
      const status = lstatSync(full, { bigint: true });
      // Many times faster than to ask the status of each kind.
      const mode = Number(status.mode);
      const type = mode & constants.S_IFMT;
      const isDirectory = type === constants.S_IFDIR;
      if (ignored?.matches(path) === true && !(isDirectory && ignored.mayTakeBackBelow(path))) continue;
      let message: Buffer | undefined;
      if (type === constants.S_IFREG) {
        const first = status.nlink > 1n ? linked.get(status.ino) : undefined;
        if (first === undefined) {
          if (status.nlink > 1n) linked.set(status.ino, path);
          paths.push(path);
        }
        message = writer.add(first === undefined ? 'file' : 'link', name, statusOf(status, mode), first);
      } else if (isDirectory) {
        message = writer.add('directory', name, statusOf(status, mode));
        if (message !== undefined) yield message;
        yield* below(full, `${path}/`);
        message = writer.up();
      } else if (type === constants.S_IFLNK) message = writer.add('symlink', name, statusOf(status, mode), readlinkSync(full));
      else if (type === constants.S_IFIFO) message = writer.add('fifo', name, statusOf(status, mode));
      if (message !== undefined) yield message;
    }
  }
}
