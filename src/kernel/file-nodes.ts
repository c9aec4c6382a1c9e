/**
 * Makes and changes nodes of the file system with exact names, times and owners, which `node:fs` cannot:
 * paths are byte strings (`path-bytes.ts`), relative to the working directory or to a directory's
 * descriptor. Links at the end of a path are never followed unless said. Blocking; for worker threads.
 * All functions throw kernel.syscall_failed.
 */
import { checked, declare, errnoName, lastErrno, syscallError } from './libc.ts';
import { PathBuffer } from './path-bytes.ts';

const nativeOpen = declare('int openat(int directory, const uint8_t *path, int flags, unsigned int mode)');
const nativeMakeDirectory = declare('int mkdirat(int directory, const uint8_t *path, unsigned int mode)');
const nativeMakeNode = declare('int mknodat(int directory, const uint8_t *path, unsigned int mode, unsigned long device)');
const nativeSymlink = declare('int symlinkat(const uint8_t *target, int directory, const uint8_t *path)');
const nativeLink = declare('int linkat(int fromDirectory, const uint8_t *from, int toDirectory, const uint8_t *to, int flags)');
const nativeUnlink = declare('int unlinkat(int directory, const uint8_t *path, int flags)');
const nativeRename = declare('int renameat(int fromDirectory, const uint8_t *from, int toDirectory, const uint8_t *to)');
const nativeReadLink = declare('long readlinkat(int directory, const uint8_t *path, _Out_ uint8_t *target, size_t size)');
const nativeChown = declare('int fchownat(int directory, const uint8_t *path, unsigned int uid, unsigned int gid, int flags)');
const nativeChmod = declare('int fchmodat(int directory, const uint8_t *path, unsigned int mode, int flags)');
const nativeTimes = declare('int utimensat(int directory, const uint8_t *path, const int64_t *times, int flags)');
const nativeStat = declare('int statx(int directory, const uint8_t *path, int flags, unsigned int mask, _Out_ uint8_t *status)');

const path1 = new PathBuffer();
const path2 = new PathBuffer();
const statusBytes = Buffer.alloc(256);
const timeWords = new BigInt64Array(4);
const targetBytes = Buffer.alloc(4096);

/** The directory that relative paths start from when no descriptor is given. */
export const workingDirectory = -100;
const symlinkNoFollow = 0x100;
const emptyPath = 0x1000;

/** Kinds of nodes, as bits of a mode (inode(7)). */
export const nodeKinds = { fifo: 0o010000, character: 0o020000, directory: 0o040000, block: 0o060000, regular: 0o100000, symlink: 0o120000 } as const;
const kindMask = 0o170000;

export interface NodeStatus {
  /** One of {@link nodeKinds}. */
  readonly kind: number;
  /** Permissions with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: number;
  readonly links: number;
  readonly size: number;
  readonly modified: NodeTime;
  /** Of the file system it is in. */
  readonly fileSystem: { readonly major: number; readonly minor: number };
  /** Of a device node. */
  readonly device: { readonly major: number; readonly minor: number };
}

/** A moment: whole seconds since 1970 and nanoseconds to add. */
export interface NodeTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** A descriptor, closed on exec. */
export function openNode(path: string, flags: number, mode = 0, directory = workingDirectory): number {
  return checked(Number(nativeOpen(directory, path1.fill(path, 'openat'), flags | 0o2000000, mode)), 'openat', path);
}

export function makeDirectory(path: string, mode: number, directory = workingDirectory): void {
  checked(Number(nativeMakeDirectory(directory, path1.fill(path, 'mkdirat'), mode)), 'mkdirat', path);
}

/** @param mode one of {@link nodeKinds} with permissions */
export function makeNode(path: string, mode: number, device: { major: number; minor: number } = { major: 0, minor: 0 }): void {
  checked(Number(nativeMakeNode(workingDirectory, path1.fill(path, 'mknodat'), mode, deviceNumber(device))), 'mknodat', path);
}

/** The C library's `makedev`. */
function deviceNumber({ major, minor }: { major: number; minor: number }): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

export function makeSymlink(target: string, path: string): void {
  const both = `${target} ${path}`;
  checked(Number(nativeSymlink(path1.fill(target, 'symlinkat', both), workingDirectory, path2.fill(path, 'symlinkat', both))), 'symlinkat', both);
}

export function makeLink(target: string, path: string): void {
  const both = `${target} ${path}`;
  checked(Number(nativeLink(workingDirectory, path1.fill(target, 'linkat', both), workingDirectory, path2.fill(path, 'linkat', both), 0)), 'linkat', both);
}

export function removeNode(path: string): void {
  checked(Number(nativeUnlink(workingDirectory, path1.fill(path, 'unlinkat'), 0)), 'unlinkat', path);
}

/** Moves a node to a path below the directory of a descriptor. */
export function moveNode(path: string, directory: number, to: string): void {
  checked(Number(nativeRename(workingDirectory, path1.fill(path, 'renameat'), directory, path2.fill(to, 'renameat'))), 'renameat', `${path} ${to}`);
}

export function readSymlink(path: string): string {
  const length = checked(Number(nativeReadLink(workingDirectory, path1.fill(path, 'readlinkat'), targetBytes, targetBytes.length)), 'readlinkat', path);
  return targetBytes.toString('latin1', 0, length);
}

export function changeOwner(path: string, uid: number, gid: number): void {
  checked(Number(nativeChown(workingDirectory, path1.fill(path, 'lchown'), uid, gid, symlinkNoFollow)), 'lchown', path);
}

/** Follows a link at the end of the path: links have no mode. */
export function changeMode(path: string, mode: number): void {
  checked(Number(nativeChmod(workingDirectory, path1.fill(path, 'fchmodat'), mode, 0)), 'fchmodat', path);
}

/** Sets the times of last access and last change of contents. */
export function changeTimes(path: string, accessed: NodeTime, modified: NodeTime): void {
  timeWords[0] = BigInt(accessed.seconds);
  timeWords[1] = BigInt(accessed.nanoseconds);
  timeWords[2] = BigInt(modified.seconds);
  timeWords[3] = BigInt(modified.nanoseconds);
  checked(Number(nativeTimes(workingDirectory, path1.fill(path, 'utimensat'), timeWords, symlinkNoFollow)), 'utimensat', path);
}

/** Undefined when there is nothing at the path. Something that is no directory in its way is an error. */
export function statNode(path: string): NodeStatus | undefined {
  if (Number(nativeStat(workingDirectory, path1.fill(path, 'lstat'), symlinkNoFollow, 0x7ff, statusBytes)) === 0) return status();
  const number = lastErrno();
  if (errnoName(number) === 'ENOENT') return undefined;
  throw syscallError('lstat', path, number);
}

export function statDescriptor(descriptor: number): NodeStatus {
  checked(Number(nativeStat(descriptor, path1.fill('', 'fstat'), emptyPath, 0x7ff, statusBytes)), 'fstat');
  return status();
}

/** struct statx, whose layout is the same on every architecture. */
function status(): NodeStatus {
  const mode = statusBytes.readUInt16LE(28);
  return {
    kind: mode & kindMask,
    mode: mode & 0o7777,
    uid: statusBytes.readUInt32LE(20),
    gid: statusBytes.readUInt32LE(24),
    links: statusBytes.readUInt32LE(16),
    inode: Number(statusBytes.readBigUInt64LE(32)),
    size: Number(statusBytes.readBigUInt64LE(40)),
    modified: { seconds: Number(statusBytes.readBigInt64LE(112)), nanoseconds: statusBytes.readUInt32LE(120) },
    fileSystem: { major: statusBytes.readUInt32LE(136), minor: statusBytes.readUInt32LE(140) },
    device: { major: statusBytes.readUInt32LE(128), minor: statusBytes.readUInt32LE(132) },
  };
}
