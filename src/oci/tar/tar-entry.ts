/** Members of tar archives as programs see them: names are text, types have names. */
import { textOf } from './byte-string.ts';
import type { DecodedHeader } from './header-decoder.ts';
import type { TarTimestamp } from './timestamp.ts';

const typeFlags = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

export type TarEntryType = keyof typeof typeFlags;

export interface TarEntry {
  readonly name: string;
  /** `unknown`: a type flag that no one defines for files; see `typeFlag`. */
  readonly type: TarEntryType | 'unknown';
  readonly typeFlag: string;
  /** Target of links. */
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Length of the contents in bytes. */
  readonly size: number;
  readonly modified: TarTimestamp;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly extendedAttributes: ReadonlyMap<string, Buffer>;
}

/** The pax key of an extended attribute, without the attribute's name. */
export const attributePrefix = 'SCHILY.xattr.';

export function typeFlagOf(type: TarEntryType): string {
  return typeFlags[type];
}

const typesByFlag = new Map<string, TarEntryType>(Object.entries(typeFlags).map(([type, flag]) => [flag, type as TarEntryType]));

export function entryOf(header: DecodedHeader): TarEntry {
  const extendedAttributes = new Map<string, Buffer>();
  for (const [key, value] of header.pax) {
    if (key.startsWith(attributePrefix)) extendedAttributes.set(textOf(key.slice(attributePrefix.length)), Buffer.from(value, 'latin1'));
  }
  return {
    name: textOf(header.name),
    type: typesByFlag.get(header.type) ?? 'unknown',
    typeFlag: header.type,
    linkName: textOf(header.linkName),
    mode: header.mode & 0o7777,
    uid: header.uid,
    gid: header.gid,
    userName: textOf(header.userName),
    groupName: textOf(header.groupName),
    size: header.size,
    modified: header.modified,
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
    extendedAttributes,
  };
}
