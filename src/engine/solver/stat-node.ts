/** Entries of a client's directory as nodes of a source tree, and back. Kinds and special bits are Go's. */
import { directoryNode, type SourceNode } from '#build/source-tree.ts';
import { goModes, type Stat } from '#schema/buildkit/file-sync-messages.ts';

const has = (mode: number, bit: number): boolean => Math.floor(mode / bit) % 2 === 1;
const billion = 1_000_000_000n;

/** Undefined for sockets, which no image has. A file's contents are still to be placed. */
export function nodeOfStat(stat: Stat): SourceNode | undefined {
  const { mode } = stat;
  if (has(mode, goModes.socket)) return undefined;
  const kind = has(mode, goModes.directory) ? 'directory'
    : has(mode, goModes.symlink) ? 'symlink'
    : has(mode, goModes.namedPipe) ? 'fifo'
    : has(mode, goModes.device) ? (has(mode, goModes.characterDevice) ? 'character' : 'block')
    : 'file';
  const special = (has(mode, goModes.setuid) ? 0o4000 : 0) + (has(mode, goModes.setgid) ? 0o2000 : 0) + (has(mode, goModes.sticky) ? 0o1000 : 0);
  return {
    ...directoryNode(),
    kind,
    mode: (mode % 0o1000) + special,
    uid: stat.uid,
    gid: stat.gid,
    modified: { seconds: Number(stat.modified / billion), nanoseconds: Number(stat.modified % billion) },
    size: kind === 'file' ? stat.size : 0,
    linkName: kind === 'symlink' ? stat.linkName : '',
    deviceMajor: stat.deviceMajor,
    deviceMinor: stat.deviceMinor,
    extendedAttributes: new Map(Object.entries(stat.extendedAttributes)),
  };
}

/** Go's mode of a node. */
export function goModeOf({ kind, mode }: Pick<SourceNode, 'kind' | 'mode'>): number {
  const kinds = { file: 0, directory: goModes.directory, symlink: goModes.symlink, fifo: goModes.namedPipe, character: goModes.device + goModes.characterDevice, block: goModes.device };
  const bit = (mask: number, value: number): number => ((mode & mask) === 0 ? 0 : value);
  return kinds[kind] + (mode & 0o777) + bit(0o4000, goModes.setuid) + bit(0o2000, goModes.setgid) + bit(0o1000, goModes.sticky);
}
