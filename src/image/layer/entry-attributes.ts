/** Gives what was unpacked the owner, mode, attributes and times that its entry has. Blocking. */
import { writeSync } from 'node:fs';
import { setAttribute } from '#kernel/extended-attributes.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { changeMode, changeOwner, type NodeStatus, type NodeTime } from '#kernel/file-nodes.ts';
import type { DecodedHeader } from '#oci/tar/header-decoder.ts';
import { attributePrefix } from '#oci/tar/tar-entry.ts';

/** False when the call failed with one of these numbers. */
export function tolerate(numbers: readonly string[], work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!failedWith(error, ...numbers)) throw error;
    return false;
  }
}

/** Writes all of `chunk` at `start`. */
export function writeAll(descriptor: number, chunk: Buffer, start: number): void {
  let position = 0;
  while (position < chunk.length) position += writeSync(descriptor, chunk, position, chunk.length - position, start + position);
}

/** The owner that the kernel makes of a number: it takes the lower 32 bits, and all of them set for "as it is". */
export function accountOf(wanted: number, present = 0): number {
  const account = Number(BigInt.asUintN(32, BigInt(wanted)));
  return account === 0xffffffff ? present : account;
}

/** Owner, extended attributes and mode of an entry. @param fresh what the node is now, to spare changes; undefined: unknown */
export function applyAttributes(header: Pick<DecodedHeader, 'uid' | 'gid' | 'pax'>, path: string, mode: number | undefined, fresh?: NodeStatus): void {
  const [uid, gid] = [accountOf(header.uid, fresh?.uid), accountOf(header.gid, fresh?.gid)];
  if (fresh?.uid !== uid || fresh.gid !== gid) changeOwner(path, uid, gid);
  for (const [key, value] of header.pax) {
    if (!key.startsWith(attributePrefix)) continue;
    tolerate(['EPERM'], () => setAttribute(path, key.slice(attributePrefix.length), Buffer.from(value, 'latin1')));
  }
  // A change of owner drops setuid and setgid.
  if (mode !== undefined && (fresh?.mode !== mode || uid !== fresh.uid || gid !== fresh.gid)) changeMode(path, mode);
}

const epoch: NodeTime = { seconds: 0, nanoseconds: 0 };
/** The last moment in 64 bits of nanoseconds. */
const lastSecond = 9_223_372_036;

/** Times out of the range Docker sets become 1970. */
function bounded(time: NodeTime): NodeTime {
  return time.seconds < 0 || time.seconds >= lastSecond ? epoch : time;
}

export function modifyTime(header: DecodedHeader): NodeTime {
  return bounded(header.modified);
}

export function accessTime(header: DecodedHeader): NodeTime {
  const { accessed, modified } = header;
  if (accessed === undefined) return bounded(modified);
  const later = accessed.seconds > modified.seconds || (accessed.seconds === modified.seconds && accessed.nanoseconds > modified.nanoseconds);
  return bounded(later ? accessed : modified);
}
