/** Records of pax extended headers (POSIX.1-2017, pax, "pax Extended Header"): `length key=value\n`. */
import type { ByteString } from './byte-string.ts';
import { invalidHeader } from './tar-errors.ts';

export type PaxRecords = Map<ByteString, ByteString>;

/**
 * The records by key, the last of each key. The pairs of GNU sparse format 0.0, whose keys repeat, are
 * gathered under `GNU.sparse.map` as format 0.1 has them.
 * @throws layer.invalid_archive
 */
export function readPaxRecords(data: ByteString): PaxRecords {
  const records: PaxRecords = new Map();
  const sparse: string[] = [];
  let position = 0;
  while (position < data.length) {
    const space = data.indexOf(' ', position);
    const digits = space < 0 ? '' : data.slice(position, space);
    if (!/^\d{1,7}$/.test(digits)) throw invalidHeader();
    const end = position + Number(digits);
    if (end > data.length || end < space + 3 || data[end - 1] !== '\n') throw invalidHeader();
    const equals = data.indexOf('=', space);
    if (equals < 0 || equals >= end || equals === space + 1) throw invalidHeader();
    const key = data.slice(space + 1, equals);
    const value = data.slice(equals + 1, end - 1);
    checkRecord(key, value);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      const isOffset = key === 'GNU.sparse.offset';
      if (isOffset !== (sparse.length % 2 === 0) || value.includes(',')) throw invalidHeader();
      sparse.push(value);
    } else {
      records.set(key, value);
    }
    position = end;
  }
  if (sparse.length > 0) records.set('GNU.sparse.map', sparse.join(','));
  return records;
}

const nameKeys = new Set(['path', 'linkpath', 'uname', 'gname']);

function checkRecord(key: ByteString, value: ByteString): void {
  if ((nameKeys.has(key) ? value : key).includes('\0')) throw invalidHeader();
}

/** The text of an extended header, sorted by key. */
export function writePaxRecords(records: ReadonlyMap<ByteString, ByteString>): Buffer {
  const keys = [...records.keys()].sort();
  return Buffer.from(keys.map((key) => writeRecord(key, records.get(key) ?? '')).join(''), 'latin1');
}

function writeRecord(key: ByteString, value: ByteString): ByteString {
  // The length counts its own digits.
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}
