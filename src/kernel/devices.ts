/** Device nodes of this machine, as the specification of a container names them. */
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';

export interface DeviceNode {
  readonly path: string;
  readonly type: 'b' | 'c' | 'p';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What `devicesAt` answers when there is no device: words as Docker's clients see them. */
export interface DeviceProblem {
  readonly reason: string;
}

const formatMask = 0o170000;
const types = new Map<number, DeviceNode['type']>([
  [0o060000, 'b'],
  [0o020000, 'c'],
  [0o010000, 'p'],
]);

/** Splits a device number by the rules of the C library's makedev(3). */
export function deviceNumbers(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn & 0xffffffffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn)),
  };
}

/** The node itself, links not followed; undefined for what is no device. @throws the system's error */
function nodeAt(path: string): DeviceNode | undefined {
  const facts = lstatSync(path, { bigint: true });
  const mode = Number(facts.mode);
  const type = types.get(mode & formatMask);
  if (type === undefined) return undefined;
  return { path, type, ...deviceNumbers(facts.rdev), fileMode: mode & 0o7777, uid: Number(facts.uid), gid: Number(facts.gid) };
}

/**
 * The device at `pathOnHost`, links followed, or every device in the directory tree there, with paths
 * as seen in the container.
 */
export function devicesAt(pathOnHost: string, pathInContainer: string): readonly DeviceNode[] | DeviceProblem {
  let resolved = pathOnHost;
  try {
    resolved = realpathSync(pathOnHost);
    const node = nodeAt(resolved);
    if (node !== undefined) return [{ ...node, path: pathInContainer }];
    if (!statSync(resolved).isDirectory()) return { reason: 'not a device node' };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
  const found: DeviceNode[] = [];
  for (const entry of readdirSync(resolved, { recursive: true, encoding: 'utf8' }).sort()) {
    const node = nodeOrNothing(`${resolved}/${entry}`);
    if (node !== undefined) found.push({ ...node, path: `${pathInContainer}/${entry}` });
  }
  return found.length > 0 ? found : { reason: 'not a device node' };
}

const skippedDirectories = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev']);

/** Every device under /dev that a privileged container gets. */
export function hostDevices(directory = '/dev'): DeviceNode[] {
  const found: DeviceNode[] = [];
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!skippedDirectories.has(entry.name)) found.push(...hostDevices(path));
    } else if (entry.name !== 'console') {
      const node = nodeOrNothing(path);
      if (node !== undefined && node.type !== 'p') found.push(node);
    }
  }
  return found;
}

/** The numbers of the device a path leads to, for throttling. */
export function deviceNumbersAt(path: string): { major: number; minor: number } | DeviceProblem {
  try {
    return deviceNumbers(statSync(path, { bigint: true }).rdev);
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

/** Devices come and go while the tree is walked. */
function nodeOrNothing(path: string): DeviceNode | undefined {
  try {
    return nodeAt(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** "no such file or directory" out of Node's "ENOENT: no such file or directory, lstat '/x'". */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined) throw error;
  return error.message.slice(code.length + 2).replace(/, [a-z]+ '.*$/s, '');
}
