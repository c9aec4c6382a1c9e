/**
 * Decodes the headers of a tar archive without reading itself: a generator asks for bytes and is given
 * them, so the same rules serve blocking and asynchronous readers. Knows V7, ustar, star, GNU and pax.
 * Limits and faults are those of Docker's reader.
 */
import { readTerminated, toByteString, type ByteString } from './byte-string.ts';
import { readNumber } from './numeric-field.ts';
import { readPaxRecords, type PaxRecords } from './pax-records.ts';
import { checkSegments, decimal, readMapRecord, readOldTable, type SparseSegment } from './sparse-map.ts';
import { fieldTooLong, invalidHeader, unexpectedEnd } from './tar-errors.ts';
import { readPaxTime, type TarTimestamp } from './timestamp.ts';

export const blockSize = 512;

/** Limit of pax headers, long names and sparse maps. */
const specialLimit = 1024 * 1024;

/** A header with all that extends it. */
export interface DecodedHeader {
  /** The type flag as a character: `0` file, `1` hard link, `2` symbolic link, `3` character device, `4` block device, `5` directory, `6` fifo; others as they came. Old GNU sparse files are `0`. */
  type: string;
  name: ByteString;
  linkName: ByteString;
  mode: number;
  uid: number;
  gid: number;
  userName: ByteString;
  groupName: ByteString;
  /** Length of the file. */
  size: number;
  /** Bytes that follow in the archive: less than `size` for sparse files. */
  storedSize: number;
  modified: TarTimestamp;
  accessed: TarTimestamp | undefined;
  deviceMajor: number;
  deviceMinor: number;
  pax: PaxRecords;
  /** Where the stored bytes belong; undefined: all in one. */
  sparse: readonly SparseSegment[] | undefined;
}

/** Asks for a number of bytes; is given so many, or fewer at the end of the archive. */
export type ByteDemand<T> = Generator<number, T, Buffer>;

/** The next header; undefined at the end of the archive. The body (`storedSize`) and its padding come next. @throws layer.invalid_archive */
export function* decodeHeader(): ByteDemand<DecodedHeader | undefined> {
  let pax: PaxRecords = new Map();
  let longName: ByteString | undefined;
  let longLink: ByteString | undefined;
  for (;;) {
    const block = yield* readHeaderBlock();
    if (block === undefined) return undefined;
    const flag = block[156] ?? 0;
    switch (flag) {
      case 0x78: // x
        pax = readPaxRecords(yield* readSpecial(block));
        continue;
      case 0x67: // g: Docker reads global headers and lets them have no effect
        readPaxRecords(yield* readSpecial(block));
        continue;
      case 0x4c: // L
        longName = upToZero(yield* readSpecial(block));
        continue;
      case 0x4b: // K
        longLink = upToZero(yield* readSpecial(block));
        continue;
    }
    const header = parseBlock(block, flag);
    mergePax(header, pax);
    if (longName !== undefined) header.name = longName;
    if (longLink !== undefined) header.linkName = longLink;
    if (flag === 0) header.type = header.name.endsWith('/') ? '5' : '0';
    if (header.size < 0) throw invalidHeader();
    // Of these, sizes say nothing about data.
    header.storedSize = /[1-6]/.test(header.type) ? 0 : header.size;
    if (header.type === 'S') yield* readOldSparse(header, block);
    else yield* readPaxSparse(header);
    if (/[1-6]/.test(header.type)) header.size = 0;
    return header;
  }
}

/** The number of bytes from `size` to the next block. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

function* readHeaderBlock(): ByteDemand<Buffer | undefined> {
  const block = yield blockSize;
  if (block.length === 0) return undefined;
  if (block.length < blockSize) throw unexpectedEnd();
  if (block[0] === 0 && isZero(block)) {
    const second = yield blockSize;
    if (second.length === 0) return undefined;
    if (second.length < blockSize) throw unexpectedEnd();
    if (isZero(second)) return undefined;
    throw invalidHeader();
  }
  checkSum(block);
  return block;
}

const zeroBlock = Buffer.alloc(blockSize);

function isZero(block: Buffer): boolean {
  return block.equals(zeroBlock);
}

function checkSum(block: Buffer): void {
  let unsigned = 8 * 0x20;
  let high = 0;
  for (let index = 0; index < blockSize; index++) {
    if (index === 148) index = 156;
    const byte = block[index] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  const expected = readNumber(block, 148, 8);
  // Old writers summed signed characters.
  if (expected !== unsigned && expected !== unsigned - high * 256) throw invalidHeader();
}

function* readSpecial(block: Buffer): ByteDemand<ByteString> {
  const size = readNumber(block, 124, 12);
  if (size < 0) throw invalidHeader();
  if (size > specialLimit) throw fieldTooLong();
  const data = yield size;
  if (data.length < size) throw unexpectedEnd();
  const text = toByteString(data, 0, size);
  const padding = paddingOf(size);
  if (padding > 0) yield padding;
  return text;
}

function upToZero(text: ByteString): ByteString {
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}

type Format = 'v7' | 'ustar' | 'star' | 'gnu';

function formatOf(block: Buffer): Format {
  const magic = block.toString('latin1', 257, 265);
  if (magic === 'ustar  \0') return 'gnu';
  if (magic.startsWith('ustar\0')) return block.toString('latin1', 508, 512) === 'tar\0' ? 'star' : 'ustar';
  return 'v7';
}

function parseBlock(block: Buffer, flag: number): DecodedHeader {
  const format = formatOf(block);
  const header: DecodedHeader = {
    type: String.fromCharCode(flag),
    name: readTerminated(block, 0, 100),
    linkName: readTerminated(block, 157, 100),
    mode: readNumber(block, 100, 8),
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    userName: '',
    groupName: '',
    size: readNumber(block, 124, 12),
    storedSize: 0,
    modified: { seconds: readNumber(block, 136, 12), nanoseconds: 0 },
    accessed: undefined,
    deviceMajor: 0,
    deviceMinor: 0,
    pax: noRecords,
    sparse: undefined,
  };
  if (format === 'v7') return header;
  header.userName = readTerminated(block, 265, 32);
  header.groupName = readTerminated(block, 297, 32);
  header.deviceMajor = readNumber(block, 329, 8);
  header.deviceMinor = readNumber(block, 337, 8);
  if (format === 'gnu') {
    // Some writers leave garbage here; the rest of the header counts.
    if (/^[0-7]{11}[\0 ]$/.test(block.toString('latin1', 345, 357))) header.accessed = { seconds: readNumber(block, 345, 12), nanoseconds: 0 };
    return header;
  }
  const prefix = readTerminated(block, 345, format === 'star' ? 131 : 155);
  if (prefix !== '') header.name = `${prefix}/${header.name}`;
  return header;
}

const noRecords: PaxRecords = new Map();

function mergePax(header: DecodedHeader, pax: PaxRecords): void {
  if (pax.size === 0) return;
  header.pax = pax;
  for (const [key, value] of pax) {
    if (value === '') continue;
    switch (key) {
      case 'path':
        header.name = value;
        break;
      case 'linkpath':
        header.linkName = value;
        break;
      case 'uname':
        header.userName = value;
        break;
      case 'gname':
        header.groupName = value;
        break;
      case 'uid':
        header.uid = integer(value);
        break;
      case 'gid':
        header.gid = integer(value);
        break;
      case 'size':
        header.size = integer(value);
        break;
      case 'mtime':
        header.modified = readPaxTime(value);
        break;
      case 'atime':
        header.accessed = readPaxTime(value);
        break;
    }
  }
}

function integer(text: string): number {
  if (!/^[+-]?\d{1,17}$/.test(text)) throw invalidHeader();
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw invalidHeader();
  return value;
}

function* readOldSparse(header: DecodedHeader, block: Buffer): ByteDemand<void> {
  if (formatOf(block) !== 'gnu') throw invalidHeader();
  header.size = readNumber(block, 483, 12);
  if (header.size < 0) throw invalidHeader();
  const segments: SparseSegment[] = [];
  readOldTable(block, 386, 4, segments);
  let extended = block[482] !== 0;
  while (extended) {
    const extension = yield blockSize;
    if (extension.length < blockSize) throw unexpectedEnd();
    extended = extension[504] !== 0;
    readOldTable(extension, 0, 21, segments);
    if (segments.length * 24 > specialLimit) throw fieldTooLong();
  }
  checkSegments(segments, header.size, header.storedSize);
  header.type = '0';
  header.sparse = segments;
}

function* readPaxSparse(header: DecodedHeader): ByteDemand<void> {
  const { pax } = header;
  if (pax.size === 0 || header.type !== '0') return;
  const version = `${pax.get('GNU.sparse.major') ?? ''}.${pax.get('GNU.sparse.minor') ?? ''}`;
  const map = pax.get('GNU.sparse.map') ?? '';
  // Formats 0.0 and 0.1 need not say their version.
  const old = version === '0.0' || version === '0.1' || (version === '.' && map !== '');
  if (!old && version !== '1.0') return;
  const name = pax.get('GNU.sparse.name') ?? '';
  if (name !== '') header.name = name;
  const size = (pax.get('GNU.sparse.size') ?? '') || (pax.get('GNU.sparse.realsize') ?? '');
  if (size !== '') header.size = decimal(size);
  const segments = old ? readMapRecord(map, pax.get('GNU.sparse.numblocks')) : yield* readDataMap(header);
  checkSegments(segments, header.size, header.storedSize);
  header.sparse = segments;
}

/** Format 1.0: the map stands as lines of decimal numbers in whole blocks before the data. */
function* readDataMap(header: DecodedHeader): ByteDemand<SparseSegment[]> {
  const numbers: number[] = [];
  let rest = '';
  let wanted = 1;
  for (let taken = 0; numbers.length < wanted; taken += blockSize) {
    if (header.storedSize < blockSize || taken > specialLimit) throw invalidHeader();
    const block = yield blockSize;
    if (block.length < blockSize) throw unexpectedEnd();
    header.storedSize -= blockSize;
    const lines = (rest + toByteString(block, 0, blockSize)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > blockSize) throw invalidHeader();
    for (const line of lines) {
      if (numbers.length === wanted) break;
      numbers.push(decimal(line));
      wanted = 1 + 2 * (numbers[0] ?? 0);
    }
  }
  const segments: SparseSegment[] = [];
  for (let index = 1; index < wanted; index += 2) {
    segments.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return segments;
}
