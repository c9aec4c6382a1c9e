/**
 * Mounts of this process's mount namespace: mount(2), umount2(2) and `/proc/self/mountinfo`. Paths are
 * absolute unless said otherwise; what is mounted stays until unmounted.
 */
import { readFileSync } from 'node:fs';
import { checked, declare, syscallError } from './libc.ts';

const nativeMount = declare('int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)');
const nativeUnmount = declare('int umount2(const char *target, int flags)');

/** Flags of mount(2) by their names in mount(8). */
export const mountFlags = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDevices: 0x4,
  noExecute: 0x8,
  remount: 0x20,
  bind: 0x1000,
  recursive: 0x4000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
} as const;

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  /** File system type; empty for binds, remounts and changes of propagation. */
  readonly type?: string;
  readonly flags?: number;
  /** Options of the file system. At most a page less one byte, else the kernel refuses them. */
  readonly data?: string;
}

/** @throws kernel.syscall_failed */
export function mount({ source, target, type = '', flags = 0, data = '' }: MountRequest): void {
  checked(Number(nativeMount(source, target, type === '' ? null : type, flags, data === '' ? null : data)), 'mount', target);
}

/** Like {@link mount} with relative paths in `data` resolved against `directory`. The daemon's working directory changes for the length of the call only. */
export function mountFrom(directory: string, request: MountRequest): void {
  const before = process.cwd();
  process.chdir(directory);
  try {
    mount(request);
  } finally {
    process.chdir(before);
  }
}

/** Shows `source` at `target` as well. */
export function bindMount(source: string, target: string, options: { readOnly?: boolean; recursive?: boolean } = {}): void {
  const recursive = options.recursive === true ? mountFlags.recursive : 0;
  mount({ source, target, flags: mountFlags.bind | recursive });
  // The kernel takes the read-only flag of a bind only when changing it afterwards.
  if (options.readOnly === true) mount({ source: 'none', target, flags: mountFlags.bind | mountFlags.remount | mountFlags.readOnly });
}

const detach = 2;
const noFollow = 8;
const notMounted = new Set(['EINVAL', 'ENOENT']);

/** Drops the topmost mount at `target` at once, even while it is in use. False when there is none. @throws kernel.syscall_failed */
export function unmount(target: string): boolean {
  const result = Number(nativeUnmount(target, detach | noFollow));
  if (result === 0) return true;
  const failure = syscallError('umount2', target);
  if (notMounted.has(String(failure.details['errno']))) return false;
  throw failure;
}

/** {@link unmount} beside the event loop, as dropping a file system may write to disk. */
export async function unmountAsync(target: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  nativeUnmount.async(target, detach | noFollow, (error: unknown, result: number) => {
    if (error !== null && error !== undefined) return reject(error instanceof Error ? error : new Error(String(error)));
    if (result === 0) return resolve(true);
    // The number of the error must be read before anything else is called.
    const failure = syscallError('umount2', target);
    if (notMounted.has(String(failure.details['errno']))) resolve(false);
    else reject(failure);
  });
  return await promise;
}

/** A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor`. */
  readonly device: string;
  /** Path inside the file system. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** Such as `shared:27` or `master:1`. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Every mount this process sees, in the kernel's order: of several at one point the last is on top. */
export function readMounts(file = '/proc/self/mountinfo'): MountInfo[] {
  return parseMounts(readFileSync(file, 'utf8'));
}

export function parseMounts(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const [fixed, rest] = line.split(' - ', 2);
    const fields = fixed?.split(' ') ?? [];
    const [id, parentId, device, root, mountPoint, options, ...propagation] = fields;
    if (id === undefined || parentId === undefined || device === undefined || root === undefined || mountPoint === undefined) continue;
    const [type = '', source = '', superOptions = ''] = rest?.split(' ') ?? [];
    mounts.push({
      id: Number(id),
      parentId: Number(parentId),
      device,
      root: unescape(root),
      mountPoint: unescape(mountPoint),
      options: options?.split(',') ?? [],
      propagation,
      type,
      source: unescape(source),
      superOptions: superOptions.split(',').map(unescape),
    });
  }
  return mounts;
}

/** Blanks and backslashes stand as three octal digits. */
function unescape(field: string): string {
  if (!field.includes('\\')) return field;
  const bytes = field.replace(/[^\x00-\x7f]+/g, (run) => Buffer.from(run, 'utf8').toString('latin1'));
  return Buffer.from(bytes.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))), 'latin1').toString('utf8');
}

/** Whether something is mounted at exactly this path, read from the kernel. */
export function isMountPoint(path: string): boolean {
  return readMounts().some(({ mountPoint }) => mountPoint === path);
}
