/**
 * The files of a container as a worker thread's whole world: the container's root file system with its binds
 * and volumes, in a mount namespace of the thread's own. No path, link or `..` leads out, whatever the
 * container does meanwhile; what is mounted here is seen by nobody else and goes with the namespace.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { enterDirectory } from './chroot.ts';
import { failedWith } from './failed-with.ts';
import { openNode } from './file-nodes.ts';
import { checked, declare } from './libc.ts';
import { makeDirectoryInRoot } from './make-directory-in-root.ts';
import { mount, mountFlags } from './mounts.ts';
import { openInRoot } from './open-in-root.ts';

const nativeUnshare = declare('int unshare(int flags)');
const nativeSetns = declare('int setns(int descriptor, int type)');
const nativeChdir = declare('int chdir(const char *path)');
const nativeChroot = declare('int chroot(const char *path)');
const nativeUnmount = declare('int umount2(const char *target, int flags)');
const openTree = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');
const moveMount = declare('long syscall(long number, int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags)');
const setMountAttributes = declare('long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t size)');
const pivotRoot = declare('long syscall(long number, const char *newRoot, const char *putOld)');

/** The same on every architecture, but for pivot_root's. */
const openTreeNumber = 428;
const moveMountNumber = 429;
const setMountAttributesNumber = 442;
const pivotRootNumber = process.arch === 'x64' ? 155 : 41;

const newMountNamespace = 0x20000;
const workingDirectory = -100;
const emptyPath = 0x1000;
const recursive = 0x8000;
const cloneTree = 1;
const closeOnExec = 0o2000000;
const fromEmptyPath = 0x4;
const toEmptyPath = 0x40;
const readOnlyAttribute = 1n;
const privatePropagation = BigInt(mountFlags.private);
const detach = 2;
const openPath = 0o10000000;

/** A bind or volume to be seen in the container. */
export interface ViewMount {
  /** On the host. */
  readonly source: string;
  /** The container may change the source's parents: a link in its path is then refused. */
  readonly linksRefused: boolean;
  /** Absolute in the container. */
  readonly destination: string;
  readonly writable: boolean;
  readonly recursive: boolean;
}

/**
 * Enters until the result is disposed of. The thread must have its own root (`detachThreadRoot`). Places to
 * mount at that are missing are made. @throws kernel.syscall_failed
 */
export function enterContainerView(root: string, mounts: readonly ViewMount[]): Disposable {
  const home = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY);
  const outside = openSync('/', constants.O_DIRECTORY);
  const leave = (): void => {
    checked(Number(nativeSetns(home, newMountNamespace)), 'setns', 'mount namespace');
    enterDirectory(outside);
    checked(Number(nativeChroot('.')), 'chroot', '/');
    closeSync(outside);
    closeSync(home);
  };
  try {
    checked(Number(nativeUnshare(newMountNamespace)), 'unshare', 'mount namespace');
    mount({ source: 'none', target: '/', flags: mountFlags.slave | mountFlags.recursive });
    mount({ source: root, target: root, flags: mountFlags.bind | mountFlags.recursive });
    mount({ source: 'none', target: root, flags: mountFlags.private | mountFlags.recursive });
    for (const bind of mounts) attach(root, bind);
    checked(Number(nativeChdir(root)), 'chdir', root);
    checked(Number(pivotRoot(pivotRootNumber, '.', '.')), 'pivot_root', root);
    // The old root lies on the new one now.
    checked(Number(nativeUnmount('.', detach)), 'umount2', root);
    checked(Number(nativeChdir('/')), 'chdir', '/');
  } catch (error) {
    leave();
    throw error;
  }
  return { [Symbol.dispose]: leave };
}

function attach(root: string, { source, linksRefused, destination, writable, recursive: whole }: ViewMount): void {
  const tree = cloneSource(source, linksRefused, whole ? recursive : 0);
  try {
    const attributes = new BigUint64Array([writable ? 0n : readOnlyAttribute, 0n, privatePropagation, 0n]);
    checked(Number(setMountAttributes(setMountAttributesNumber, tree, '', emptyPath | recursive, attributes, 32)), 'mount_setattr', source);
    const target = openTarget(root, destination, fstatSync(tree).isDirectory());
    try {
      checked(Number(moveMount(moveMountNumber, tree, '', target, '', fromEmptyPath | toEmptyPath)), 'move_mount', destination);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(tree);
  }
}

/** A copy of the mount that is at the source, not attached anywhere. */
function cloneSource(source: string, linksRefused: boolean, depth: number): number {
  const flags = cloneTree | closeOnExec | depth;
  if (!linksRefused) return checked(Number(openTree(openTreeNumber, workingDirectory, source, flags)), 'open_tree', source);
  const opened = openInRoot({ path: Buffer.from(source).toString('latin1'), flags: openPath, links: 'refused' });
  try {
    return checked(Number(openTree(openTreeNumber, opened, '', flags | emptyPath)), 'open_tree', source);
  } finally {
    closeSync(opened);
  }
}

/** Where to mount, made if missing. */
function openTarget(root: string, destination: string, isDirectory: boolean): number {
  const rootDescriptor = openSync(root, constants.O_DIRECTORY | openPath);
  const open = (path: string): number => openInRoot({ directory: rootDescriptor, path: Buffer.from(path).toString('latin1'), flags: openPath, links: 'followed' });
  try {
    try {
      return open(destination);
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    if (isDirectory) {
      makeDirectoryInRoot(root, destination);
      return open(destination);
    }
    const slash = destination.lastIndexOf('/');
    makeDirectoryInRoot(root, destination.slice(0, slash));
    const parent = open(destination.slice(0, slash + 1));
    try {
      const name = Buffer.from(destination.slice(slash + 1)).toString('latin1');
      closeSync(openNode(name, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644, parent));
    } finally {
      closeSync(parent);
    }
    return open(destination);
  } finally {
    closeSync(rootDescriptor);
  }
}
