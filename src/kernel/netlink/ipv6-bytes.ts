/** The sixteen bytes of an IPv6 address, and its canonical text (RFC 5952); either family's bytes by the text's looks. */
import { isIPv6 } from 'node:net';
import { ipv4Bytes, ipv4Text } from './ipv4-bytes.ts';

/** @param address without a zone, checked already */
export function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  const quad = address.lastIndexOf(':') + 1;
  const dotted = address.includes('.') ? ipv4Bytes(address.slice(quad)) : undefined;
  const plain = dotted === undefined ? address : `${address.slice(0, quad)}${dotted.readUInt16BE(0).toString(16)}:${dotted.readUInt16BE(2).toString(16)}`;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = groups(tail ?? '');
  for (const [index, group] of first.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  for (const [index, group] of last.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - (last.length - index) * 2);
  return bytes;
}

export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let run = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length += 1;
    if (length > run.length) run = { start, length };
  }
  const texts = (list: readonly number[]): string => list.map((group) => group.toString(16)).join(':');
  return run.start < 0 ? texts(groups) : `${texts(groups.slice(0, run.start))}::${texts(groups.slice(run.start + run.length))}`;
}

export function addressBytes(address: string): Buffer {
  return isIPv6(address) ? ipv6Bytes(address) : ipv4Bytes(address);
}

export function addressText(bytes: Uint8Array): string {
  return bytes.length === 16 ? ipv6Text(bytes) : ipv4Text(bytes);
}
