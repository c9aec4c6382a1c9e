/** Encodes tar headers: ustar where everything fits, preceded by a pax header where not. */
import { byteStringOf, type ByteString } from './byte-string.ts';
import { blockSize, paddingOf } from './header-decoder.ts';
import { writeOctal } from './numeric-field.ts';
import { writePaxRecords } from './pax-records.ts';
import { attributePrefix, typeFlagOf, type TarEntryType } from './tar-entry.ts';
import { writePaxTime, type TarTimestamp } from './timestamp.ts';

/** What a header is made of. What is missing is zero or empty; modes are 0644, of directories 0755. */
export interface TarHeader {
  /** Names of directories should end in `/`. */
  readonly name: string;
  readonly type: TarEntryType;
  readonly linkName?: string | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly userName?: string | undefined;
  readonly groupName?: string | undefined;
  readonly size?: number | undefined;
  readonly modified?: TarTimestamp | undefined;
  readonly deviceMajor?: number | undefined;
  readonly deviceMinor?: number | undefined;
  readonly extendedAttributes?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Two blocks of zeros. */
export const archiveEnd: Buffer = Buffer.alloc(2 * blockSize);

/** The zeros that follow contents of this size. */
export function paddingFor(size: number): Buffer {
  return archiveEnd.subarray(0, paddingOf(size));
}

/** @param names what names are: text, or byte strings that are written as they are */
export function encodeHeader(header: TarHeader, names: 'text' | 'bytes' = 'text'): Buffer {
  const nameOf = (name: string): ByteString => (names === 'bytes' ? name : byteStringOf(name));
  const records = new Map<ByteString, ByteString>();
  const block = Buffer.alloc(blockSize);
  const name = nameOf(header.name);
  const modified = header.modified ?? { seconds: 0, nanoseconds: 0 };
  if (!writeName(block, name)) {
    records.set('path', name);
    writeText(block, name, { start: 0, length: 100 });
  }
  const put = (key: string, text: string | undefined, field: Field): void => {
    const bytes = nameOf(text ?? '');
    if (!writeText(block, bytes, field)) records.set(key, bytes);
  };
  const count = (key: string, value: number | undefined, field: Field): void => {
    if (writeOctal(block, value ?? 0, field)) return;
    writeOctal(block, 0, field);
    records.set(key, String(value));
  };
  put('linkpath', header.linkName, { start: 157, length: 100 });
  put('uname', header.userName, { start: 265, length: 32 });
  put('gname', header.groupName, { start: 297, length: 32 });
  writeOctal(block, header.mode ?? (header.type === 'directory' ? 0o755 : 0o644), { start: 100, length: 8 });
  count('uid', header.uid, { start: 108, length: 8 });
  count('gid', header.gid, { start: 116, length: 8 });
  count('size', header.size, { start: 124, length: 12 });
  if (modified.nanoseconds !== 0 || !writeOctal(block, modified.seconds, { start: 136, length: 12 })) {
    if (!writeOctal(block, modified.seconds, { start: 136, length: 12 })) writeOctal(block, 0, { start: 136, length: 12 });
    records.set('mtime', writePaxTime(modified));
  }
  // Device numbers beyond the field have no pax key of the standard; star's is what readers know.
  count('SCHILY.devmajor', header.deviceMajor, { start: 329, length: 8 });
  count('SCHILY.devminor', header.deviceMinor, { start: 337, length: 8 });
  for (const [attribute, value] of header.extendedAttributes ?? []) {
    records.set(attributePrefix + byteStringOf(attribute), Buffer.from(value).toString('latin1'));
  }
  finish(block, typeFlagOf(header.type));
  return records.size === 0 ? block : Buffer.concat([paxHeader(name, writePaxRecords(records)), block]);
}

interface Field {
  readonly start: number;
  readonly length: number;
}

/** False when the text is too long or not ASCII, which ustar does not define; it is then cut. */
function writeText(block: Buffer, text: ByteString, field: Field): boolean {
  block.write(text, field.start, field.length, 'latin1');
  return text.length <= field.length && /^[\x01-\x7f]*$/.test(text);
}

/** Splits long names at a slash into prefix and name, as ustar has it. */
function writeName(block: Buffer, name: ByteString): boolean {
  if (!/^[\x01-\x7f]*$/.test(name)) return false;
  if (name.length <= 100) return writeText(block, name, { start: 0, length: 100 });
  const slash = name.lastIndexOf('/', Math.min(155, name.length - 2));
  if (slash <= 0 || name.length - slash - 1 > 100) return false;
  writeText(block, name.slice(0, slash), { start: 345, length: 155 });
  return writeText(block, name.slice(slash + 1), { start: 0, length: 100 });
}

function paxHeader(name: ByteString, data: Buffer): Buffer {
  const block = Buffer.alloc(blockSize);
  const base = name.replace(/\/+$/, '').replace(/^.*\//, '');
  writeText(block, `PaxHeaders.0/${base}`, { start: 0, length: 100 });
  for (const [start, length] of [[100, 8], [108, 8], [116, 8], [136, 12], [329, 8], [337, 8]] as const) {
    writeOctal(block, start === 100 ? 0o644 : 0, { start, length });
  }
  writeOctal(block, data.length, { start: 124, length: 12 });
  finish(block, 'x');
  return Buffer.concat([block, data, paddingFor(data.length)]);
}

function finish(block: Buffer, typeFlag: string): void {
  block.write(typeFlag, 156, 1, 'latin1');
  block.write('ustar\x0000', 257, 8, 'latin1');
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
}
