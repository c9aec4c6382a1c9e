/** Contexts as files to hand on: a tar archive of meta.json and the files of TLS. Zip archives are read too. */
import { inflateRawSync } from 'node:zlib';
import { CommandFailure } from '#cli/command-failure.ts';
import { metadataText, parseMetadata, validateContextName, type ContextMetadata, type ContextStore } from './context-store.ts';

const blockSize = 512;
/** Archives beyond this are none of ours. */
const largestArchive = 10 << 20;

interface Entry {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The archive of a context. */
export function exportContext(context: ContextMetadata, tls: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>): Buffer {
  const parts = [tarEntry('meta.json', Buffer.from(metadataText(context)), 0o644), tarEntry('tls', undefined, 0o700)];
  for (const [endpoint, files] of tls) {
    parts.push(tarEntry(`tls/${endpoint}`, undefined, 0o700));
    for (const [file, content] of files) parts.push(tarEntry(`tls/${endpoint}/${file}`, content, 0o600));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * blockSize)]);
}

/** A header and, of a file, its content (undefined: a directory). */
function tarEntry(name: string, content: Uint8Array | undefined, mode: number): Buffer {
  const header = Buffer.alloc(blockSize);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0, 100);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content?.length ?? 0, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(content === undefined ? '5' : '0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  // The checksum is taken with blanks in its own place.
  header.write(' '.repeat(8), 148);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const length = content?.length ?? 0;
  return Buffer.concat([header, content ?? Buffer.alloc(0), Buffer.alloc((blockSize - (length % blockSize)) % blockSize)]);
}

/** Takes a context from an archive. @throws CommandFailure for one that is none */
export function importContext(name: string, archive: Buffer, store: ContextStore): void {
  if (archive.length > largestArchive) throw new CommandFailure('read exceeds the defined limit');
  const entries = archive.subarray(0, 4).equals(Buffer.from('PK\x03\x04')) ? zipEntries(archive) : tarEntries(archive);
  let metadata: ContextMetadata | undefined;
  const tls = new Map<string, Map<string, Uint8Array>>();
  for (const { name: path, content } of entries) {
    checkPath(path);
    if (path === 'meta.json') {
      validateContextName(name);
      metadata = { ...parseMetadata(Buffer.from(content).toString('utf8'), path), Name: name };
      continue;
    }
    const [, endpoint, file] = /^tls\/([^/]+)\/(.+)$/.exec(path) ?? [];
    if (endpoint === undefined || file === undefined) throw new CommandFailure('archive format is invalid');
    tls.set(endpoint, new Map([...tls.get(endpoint) ?? [], [file, content]]));
  }
  if (metadata === undefined) throw new CommandFailure('invalid context: no metadata found');
  store.write(metadata);
  for (const [endpoint, files] of tls) store.writeTls(name, endpoint, files);
}

/** An archive must not reach beyond the context's own directory. */
function checkPath(path: string): void {
  const refuse = (reason: string): never => {
    throw new CommandFailure(`${path}: ${reason}`);
  };
  if (path !== 'meta.json' && !path.startsWith('tls/')) refuse('unexpected context file');
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) refuse('unexpected path format');
  if (path.includes('\\')) refuse("unexpected '\\' in path");
}

function* tarEntries(archive: Buffer): Generator<Entry> {
  for (let at = 0; at + blockSize <= archive.length;) {
    const header = archive.subarray(at, at + blockSize);
    if (header.every((byte) => byte === 0)) return;
    const field = (start: number, end: number): string => header.subarray(start, end).toString('utf8').replace(/\0.*$/s, '');
    const size = Number.parseInt(field(124, 136).trim() || '0', 8);
    const begin = at + blockSize;
    if (!field(257, 263).startsWith('ustar') || Number.isNaN(size)) throw new CommandFailure('archive/tar: invalid tar header');
    if (begin + size > archive.length) throw new CommandFailure('unexpected EOF');
    const prefix = field(345, 500);
    const kind = field(156, 157);
    if (kind === '0' || kind === '') yield { name: `${prefix === '' ? '' : `${prefix}/`}${field(0, 100)}`, content: archive.subarray(begin, begin + size) };
    at = begin + Math.ceil(size / blockSize) * blockSize;
  }
}

/** The files of a zip archive, by its central directory. */
function* zipEntries(archive: Buffer): Generator<Entry> {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06'));
  if (end < 0) throw new CommandFailure('zip: not a valid zip file');
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [method, packedSize] = [archive.readUInt16LE(at + 10), archive.readUInt32LE(at + 20)];
    const [nameLength, extraLength, commentLength] = [archive.readUInt16LE(at + 28), archive.readUInt16LE(at + 30), archive.readUInt16LE(at + 32)];
    const local = archive.readUInt32LE(at + 42);
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const packed = archive.subarray(begin, begin + packedSize);
    at += 46 + nameLength + extraLength + commentLength;
    if (name.endsWith('/')) continue;
    if (method !== 0 && method !== 8) throw new CommandFailure('zip: unsupported compression algorithm');
    yield { name, content: method === 0 ? packed : inflateRawSync(packed, { maxOutputLength: largestArchive }) };
  }
}
