/**
 * Limits of directories by project quotas (quotactl(2), ioctl FS_IOC_FSSETXATTR): what is made in a directory of a project
 * counts for the project. File systems have them when mounted so: xfs with `pquota`, ext4 with `prjquota`.
 */
import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { checked, declare } from './libc.ts';
import { failedWith } from './failed-with.ts';

const ioctl = declare('int ioctl(int descriptor, unsigned long request, void *argument)');
const quotactlOf = declare('long syscall(long number, int descriptor, unsigned int command, unsigned int id, void *argument)');
/** quotactl_fd(2), the same number on every architecture (added in Linux 5.14). */
const quotactlNumber = 443;

const getAttributes = 0x801c581f;
const setAttributes = 0x401c5820;
/** struct fsxattr: `fsx_xflags` first, `fsx_projid` fourth. */
const attributeBytes = 28;
const projectOffset = 12;
const inheritsProject = 0x200;

const projectKind = 2;
const command = (number: number): number => (number << 8) | projectKind;
const setLimit = command(0x5804);
const getState = command(0x5805);
/** struct fs_disk_quota. */
const quotaBytes = 112;
const quotaVersion = 1;
const ofProject = 2;
const hardAndSoftBlocks = (1 << 3) | (1 << 2);
/** Limits are in units of so many bytes. */
const basicBlock = 512n;
/** struct fs_quota_stat; its flags tell whether projects are counted and limits kept. */
const stateBytes = 128;
const countedAndEnforced = (1 << 4) | (1 << 5);

/** The next free number of a project; one for all directories of a daemon, as they may be on one file system. */
export class ProjectNumbers {
  #next = 1;

  /** This one is in use. */
  note(number: number): void {
    this.#next = Math.max(this.#next, number + 1);
  }

  take(): number {
    return this.#next++;
  }
}

export interface ProjectQuotas {
  /** Makes an empty directory a project of its own that holds no more than so many bytes. @throws kernel.syscall_failed */
  limit(directory: string, bytes: number): void;
}

/** @param home its directories are projects, or not @returns undefined where the file system keeps no such limits */
export function openProjectQuotas(home: string, numbers: ProjectNumbers): ProjectQuotas | undefined {
  if (!within(home, keepsLimits)) return undefined;
  numbers.note(within(home, projectOf));
  for (const entry of readdirSync(home, { withFileTypes: true })) if (entry.isDirectory()) numbers.note(within(`${home}/${entry.name}`, projectOf));
  return {
    limit: (directory, bytes) => within(directory, (descriptor) => {
      const project = numbers.take();
      const attributes = readAttributes(descriptor);
      attributes.writeUInt32LE((attributes.readUInt32LE(0) | inheritsProject) >>> 0, 0);
      attributes.writeUInt32LE(project, projectOffset);
      // The limit first: a directory of a project always has one.
      writeLimit(descriptor, project, bytes);
      checked(ioctl(descriptor, setAttributes, attributes) as number, 'ioctl', directory);
    }),
  };
}

function keepsLimits(descriptor: number): boolean {
  const state = Buffer.alloc(stateBytes);
  state.writeInt8(1, 0);
  try {
    checked(Number(quotactlOf(quotactlNumber, descriptor, getState, 0, state)), 'quotactl_fd');
  } catch (error) {
    if (failedWith(error, 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ESRCH', 'ENODEV', 'ENOTBLK', 'EPERM', 'ENOTTY')) return false;
    throw error;
  }
  return (state.readUInt16LE(2) & countedAndEnforced) === countedAndEnforced;
}

function writeLimit(descriptor: number, project: number, bytes: number): void {
  const quota = Buffer.alloc(quotaBytes);
  quota.writeInt8(quotaVersion, 0);
  quota.writeInt8(ofProject, 1);
  quota.writeUInt16LE(hardAndSoftBlocks, 2);
  quota.writeUInt32LE(project, 4);
  const blocks = BigInt(bytes) / basicBlock;
  quota.writeBigUInt64LE(blocks, 8);
  quota.writeBigUInt64LE(blocks, 16);
  checked(Number(quotactlOf(quotactlNumber, descriptor, setLimit, project, quota)), 'quotactl_fd');
}

function projectOf(descriptor: number): number {
  return readAttributes(descriptor).readUInt32LE(projectOffset);
}

function readAttributes(descriptor: number): Buffer {
  const attributes = Buffer.alloc(attributeBytes);
  checked(ioctl(descriptor, getAttributes, attributes) as number, 'ioctl');
  return attributes;
}

function within<T>(directory: string, work: (descriptor: number) => T): T {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
