/** Headers for tests, field by field, whether they make sense or not. */
import { paddingFor } from '#oci/tar/header-encoder.ts';
import { writePaxRecords } from '#oci/tar/pax-records.ts';

export interface RawHeader {
  readonly name: string;
  readonly type?: string;
  readonly linkName?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly mtime?: number;
  readonly groupName?: string;
  readonly prefix?: string;
  /** The eight bytes of magic and version; empty: none. */
  readonly magic?: string;
  readonly major?: number;
  readonly minor?: number;
}

/** @param change is given the block before the checksum is made */
export function rawHeader(header: RawHeader, change?: (block: Buffer) => void): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, start: number, length: number): void => void block.write(value.toString(8).padStart(length - 1, '0'), start, length - 1, 'latin1');
  block.write(header.name, 0, 100, 'utf8');
  octal(header.mode ?? 0o644, 100, 8);
  octal(header.uid ?? 0, 108, 8);
  octal(header.gid ?? 0, 116, 8);
  octal(header.size ?? 0, 124, 12);
  octal(header.mtime ?? 0, 136, 12);
  block.write(header.type ?? '0', 156, 1, 'latin1');
  block.write(header.linkName ?? '', 157, 100, 'utf8');
  const magic = header.magic ?? 'ustar\x0000';
  block.write(magic, 257, 8, 'latin1');
  if (magic !== '') {
    block.write(header.groupName ?? '', 297, 32, 'utf8');
    octal(header.major ?? 0, 329, 8);
    octal(header.minor ?? 0, 337, 8);
    block.write(header.prefix ?? '', 345, 155, 'utf8');
  }
  change?.(block);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
  return block;
}

/** An extended header with these records. */
export function paxBlocks(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  const entries = Object.entries(records).map(([key, value]): [string, string] => [key, Buffer.from(value).toString('latin1')]);
  const data = writePaxRecords(new Map(entries));
  return Buffer.concat([rawHeader({ name: 'pax', type, size: data.length }), data, paddingFor(data.length)]);
}
