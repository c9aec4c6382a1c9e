/** The tar archive of a directory that is a build's context, entry by entry as the daemon reads it. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import type { IgnorePatterns } from '#base/ignore-patterns.ts';
import { ContextLitter } from './context-litter.ts';

export interface ContextOptions {
  readonly ignored: IgnorePatterns;
  /** Files sent whatever is ignored. */
  readonly always: ReadonlySet<string>;
  /** Files that are not in the directory. */
  readonly added: ReadonlyMap<string, Uint8Array>;
}

const blockSize = 512;

/** Bytes that are given at once. */
const pieceSize = 256 * 1024;

/** Everything in the directory that is not ignored, by name, then what is added. Read blocking, as that is several times faster for many small files. */
export async function* contextArchive(directory: string, options: ContextOptions): AsyncGenerator<Uint8Array, void> {
  yield* gathered(below(directory, '', options, new Map()));
  yield* fileArchive(options.added);
}

/** Small pieces together: each by itself costs more than it carries. */
function* gathered(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  const litter = new ContextLitter();
  let waiting: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    if (piece.length >= pieceSize / 2 && size > 0) {
      yield Buffer.concat(waiting, size);
      litter.dropped(size);
      waiting = [];
      size = 0;
    }
    waiting.push(piece);
    size += piece.length;
    if (size < pieceSize / 2) continue;
    yield waiting.length === 1 ? piece : Buffer.concat(waiting, size);
    litter.dropped(size);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting, size);
}

/** An archive of files that are not on disk; what may follow entries ends with it. */
export function* fileArchive(files: ReadonlyMap<string, Uint8Array>): Generator<Uint8Array, void> {
  for (const [name, content] of files) {
    yield header({ name, type: '0', mode: 0o600, size: content.length, seconds: Math.floor(Date.now() / 1000), linkName: '' });
    yield content;
    yield padding(content.length);
  }
  yield Buffer.alloc(2 * blockSize);
}

function* below(root: string, prefix: string, options: ContextOptions, linked: Map<bigint, string>): Generator<Uint8Array, void> {
  for (const entry of readdirSync(join(root, prefix)).sort()) {
    const name = prefix === '' ? entry : `${prefix}/${entry}`;
    if (options.added.has(name)) continue;
    const status = lstatSync(join(root, name), { bigint: true });
    const isIgnored = !options.always.has(name) && options.ignored.matches(name);
    if (!isIgnored) yield* node(root, name, status, linked);
    if (!status.isDirectory()) continue;
    const isWanted = !isIgnored || options.ignored.mayTakeBackBelow(name) || [...options.always].some((path) => path.startsWith(`${name}/`));
    if (isWanted) yield* below(root, name, options, linked);
  }
}

function* node(root: string, name: string, status: BigIntStats, linked: Map<bigint, string>): Generator<Uint8Array, void> {
  if (status.isSocket()) return;
  const common = { name, mode: Number(status.mode & 0o7777n), size: 0, seconds: Number(status.mtimeNs / 1_000_000_000n), linkName: '' };
  const first = status.nlink > 1n && !status.isDirectory() ? linked.get(status.ino) : undefined;
  if (first !== undefined) yield header({ ...common, type: '1', linkName: first });
  else if (status.isDirectory()) yield header({ ...common, name: `${name}/`, type: '5' });
  else if (status.isSymbolicLink()) yield header({ ...common, type: '2', linkName: readlinkSync(join(root, name)) });
  else if (status.isFIFO()) yield header({ ...common, type: '6' });
  else if (status.isFile()) yield* file(join(root, name), { ...common, type: '0', size: Number(status.size) });
  else yield header({ ...common, type: status.isBlockDevice() ? '4' : '3', device: status.rdev });
  if (status.nlink > 1n && !status.isDirectory() && first === undefined) linked.set(status.ino, name);
}

/** As long as its header says, also when it changes meanwhile. */
function* file(path: string, head: Header): Generator<Uint8Array, void> {
  yield header(head);
  if (head.size === 0) return;
  const descriptor = openSync(path, 'r');
  try {
    for (let left = head.size; left > 0; ) {
      const bytes = Buffer.allocUnsafe(Math.min(left, pieceSize));
      const read = readSync(descriptor, bytes, 0, bytes.length, null);
      if (read === 0) throw new Error(`archive/tar: missed writing ${left} bytes`);
      left -= read;
      yield bytes.subarray(0, read);
    }
  } finally {
    closeSync(descriptor);
  }
  yield padding(head.size);
}

interface Header {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly linkName: string;
  readonly device?: bigint;
}

/** With a pax header before it where a name does not fit (POSIX pax). Owners are left out: they are the daemon's matter. */
function header(head: Header): Buffer {
  const records = [['path', head.name], ['linkpath', head.linkName]].filter(([, text = '']) => Buffer.byteLength(text) > 100 || !/^[\x01-\x7f]*$/.test(text));
  if (head.size >= 8 ** 11) records.push(['size', String(head.size)]);
  const plain = block(head);
  if (records.length === 0) return plain;
  const data = Buffer.from(records.map(([key = '', value = '']) => paxRecord(key, value)).join(''));
  return Buffer.concat([block({ name: `PaxHeaders.0/${head.name.slice(-60)}`, type: 'x', mode: 0o644, size: data.length, seconds: 0, linkName: '' }), data, padding(data.length), plain]);
}

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  const digits = String(size + String(size).length).length;
  return `${size + digits}${rest}`;
}

function block({ name, type, mode, size, seconds, linkName, device = 0n }: Header): Buffer {
  const bytes = Buffer.alloc(blockSize);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  bytes.write(name, 0, 100);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(size < 8 ** 11 ? size : 0, 12), 124);
  bytes.write(octal(Math.max(seconds, 0), 12), 136);
  bytes.write(type, 156);
  bytes.write(linkName, 157, 100);
  bytes.write('ustar\x0000', 257, 'latin1');
  bytes.write(octal(Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)), 8), 329);
  bytes.write(octal(Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)), 8), 337);
  // The checksum is taken with blanks in its own place.
  bytes.write(' '.repeat(8), 148);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}
