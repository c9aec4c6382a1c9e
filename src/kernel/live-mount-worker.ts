/**
 * A worker thread that mounts in, and unmounts from, the mount namespaces of running containers. What is to be
 * mounted is made here, detached; the place is opened below the container's root, where no link leads; only the
 * one system call that joins them is done inside the container's namespace.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { EngineError, fail, invariant, messageOf } from '#base/errors/failure.ts';
import { ownerOnHost, rootOnHost, type IdentityMapping } from '#base/identity-mapping.ts';
import { detachThreadRoot, enterDirectory } from './chroot.ts';
import { failedWith } from './failed-with.ts';
import { actingAs } from './file-identity.ts';
import { openNode } from './file-nodes.ts';
import { checked, declare } from './libc.ts';
import type { LiveMount, LiveMountJob, LiveMountMessage } from './live-mount-job.ts';
import { makeDirectoryInRoot } from './make-directory-in-root.ts';
import { mountFlags, parseMounts } from './mounts.ts';
import { mountHolders } from './mount-holders.ts';
import { openInRoot } from './open-in-root.ts';

const nativeSetns = declare('int setns(int descriptor, int type)');
const nativeChroot = declare('int chroot(const char *path)');
const nativeUnmount = declare('int umount2(const char *target, int flags)');
const openTree = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');
const moveMount = declare('long syscall(long number, int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags)');
const setMountAttributes = declare('long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t size)');
const openFileSystem = declare('long syscall(long number, const char *type, unsigned int flags)');
const configureFileSystem = declare('long syscall(long number, int descriptor, unsigned int command, const char *key, const char *value, int extra)');
const makeMount = declare('long syscall(long number, int descriptor, unsigned int flags, unsigned int attributes)');

/** The same on every architecture. */
const numbers = { openTree: 428, moveMount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, mountSetattr: 442 } as const;
const newMountNamespace = 0x20000;
const openPath = 0o10000000;
const closeOnExec = 0o2000000;
const cloneTree = 1;
const emptyPath = 0x1000;
const recursive = 0x8000;
const fromEmptyPath = 0x4;
const toEmptyPath = 0x40;
const setString = 1;
const createCommand = 6;
const noFollow = 8;
const detachTree = 2;
/** Mounts that every container has, and needs. */
const everywhere: ReadonlySet<string> = new Set(['/proc', '/sys', '/sys/fs/cgroup', '/dev/shm', '/dev/pts', '/dev/mqueue', '/etc/resolv.conf', '/etc/hostname', '/etc/hosts']);
/** Attributes of mount_setattr(2). */
const attributes: Readonly<Record<string, bigint>> = { ro: 1n, rro: 1n, nosuid: 2n, nodev: 4n, noexec: 8n };
const propagationFlags: Readonly<Record<string, number>> = {
  private: mountFlags.private, rprivate: mountFlags.private, slave: mountFlags.slave, rslave: mountFlags.slave, shared: mountFlags.shared, rshared: mountFlags.shared,
};

invariant(parentPort !== null, 'live-mount-worker runs as a worker thread');
const port = parentPort;
const say = (message: LiveMountMessage): void => port.postMessage(message);
detachThreadRoot();

port.on('message', (job: LiveMountJob) => {
  try {
    if (job.kind === 'attach') attach(job);
    else detach(job);
    say({ kind: 'done' });
  } catch (error) {
    say(error instanceof EngineError ? { kind: 'failed', code: error.code, details: error.details } : { kind: 'bug', message: messageOf(error) });
  }
});

function attach({ pid, mount, linksRefused, rootfs, mapping }: LiveMountJob & { kind: 'attach' }): void {
  using stack = new DisposableStack();
  const close = (descriptor: number): number => stack.adopt(descriptor, closeSync);
  const tree = close(mount.type === 'tmpfs' ? makeTmpfs(mount, mapping) : cloneSource(mount, linksRefused));
  const isDirectory = fstatSync(tree).isDirectory();
  const root = rootOf(pid);
  const rootDescriptor = close(openSync(root, constants.O_DIRECTORY | openPath));
  const owner = mapping && rootOnHost(mapping);
  try {
    actingAs(owner, () => makeMountPoint(root, mount.destination, isDirectory));
  } catch (error) {
    if (!failedWith(error, 'EROFS')) throw error;
    actingAs(owner, () => makeMountPoint(rootfs, mount.destination, isDirectory));
  }
  const target = close(openWithoutLinks(rootDescriptor, mount.destination));
  if (fstatSync(target).isDirectory() !== isDirectory) throw fail('kernel.mount_kinds_differ', { destination: mount.destination, place: isDirectory ? 'file' : 'directory' });
  refuseToHide(pid, mount.destination);
  inMountNamespace(pid, () => {
    checked(Number(moveMount(numbers.moveMount, tree, '', target, '', fromEmptyPath | toEmptyPath)), 'move_mount', mount.destination);
  });
}

function detach({ pid, destination, kept }: LiveMountJob & { kind: 'detach' }): void {
  using stack = new DisposableStack();
  const close = (descriptor: number): number => stack.adopt(descriptor, closeSync);
  const root = close(openSync(rootOf(pid), constants.O_DIRECTORY | openPath));
  const place = realPlace(root, destination);
  const points = mountPointsOf(pid);
  if (!points.includes(place)) return;
  const inner = points.filter((point) => point.startsWith(`${place}/`));
  const hidden = inner.find((point) => kept.includes(point) || everywhere.has(point));
  if (hidden !== undefined) throw fail('kernel.mount_below', { destination, below: hidden });
  if (inner.length > 0) refuseWhileHeld(pid, place);
  const slash = place.lastIndexOf('/');
  const parent = close(openWithoutLinks(root, place.slice(0, slash + 1)));
  const name = place.slice(slash + 1);
  inMountNamespace(pid, () => {
    // The parent is held: what the container renames meanwhile leads nowhere else.
    enterDirectory(parent);
    // With others on it the kernel only takes it away without asking for its users.
    checked(Number(nativeUnmount(name, inner.length > 0 ? noFollow | detachTree : noFollow)), 'umount2', destination);
  });
}

/** A process that is gone, or whose number is another's by now, has the host's mounts or none. */
function rootOf(pid: number): string {
  let namespace: string | undefined;
  try {
    namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch (error) {
    if (!failedWith(error, 'ENOENT', 'ESRCH')) throw error;
  }
  if (namespace === undefined || namespace === readlinkSync('/proc/thread-self/ns/mnt')) throw fail('kernel.namespace_gone', { pid });
  return `/proc/${pid}/root`;
}

function mountPointsOf(pid: number): string[] {
  return parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).map(({ mountPoint }) => mountPoint);
}

function refuseToHide(pid: number, destination: string): void {
  const below = mountPointsOf(pid).find((point) => point.startsWith(`${destination}/`));
  if (below !== undefined) throw fail('kernel.mount_below', { destination, below });
}

function refuseWhileHeld(pid: number, destination: string): void {
  const holders = mountHolders(pid, destination);
  if (holders.length > 0) throw fail('kernel.mount_busy', { destination, holders: holders.join(', ') });
}

function makeMountPoint(root: string, destination: string, isDirectory: boolean): void {
  const directory = isDirectory ? destination : destination.slice(0, destination.lastIndexOf('/'));
  makeDirectoryInRoot(root, directory);
  if (isDirectory) return;
  const rootDescriptor = openSync(root, constants.O_DIRECTORY | openPath);
  try {
    const parent = openWithoutLinks(rootDescriptor, `${directory}/`);
    try {
      const name = Buffer.from(destination.slice(destination.lastIndexOf('/') + 1)).toString('latin1');
      closeSync(openNode(name, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644, parent));
    } catch (error) {
      if (!failedWith(error, 'EEXIST')) throw error;
    } finally {
      closeSync(parent);
    }
  } finally {
    closeSync(rootDescriptor);
  }
}

function openWithoutLinks(root: number, path: string): number {
  try {
    return openInRoot({ directory: root, path: Buffer.from(path).toString('latin1'), flags: openPath, links: 'refused' });
  } catch (error) {
    if (failedWith(error, 'ELOOP')) throw fail('kernel.mount_through_link', { path }, error);
    throw error;
  }
}

/** Where links that the image has lead. */
function realPlace(root: number, destination: string): string {
  const opened = openInRoot({ directory: root, path: Buffer.from(destination).toString('latin1'), flags: openPath, links: 'followed' });
  try {
    return readlinkSync(`/proc/self/fd/${opened}`);
  } finally {
    closeSync(opened);
  }
}

function cloneSource({ source, options }: LiveMount, linksRefused: boolean): number {
  const whole = options.includes('rbind');
  const flags = cloneTree | closeOnExec | (whole ? recursive : 0);
  const opened = linksRefused
    ? openInRoot({ path: Buffer.from(source).toString('latin1'), flags: openPath, links: 'refused' })
    : openSync(source, openPath);
  try {
    const tree = checked(Number(openTree(numbers.openTree, opened, '', flags | emptyPath)), 'open_tree', source);
    try {
      setAttributes(tree, options, source);
    } catch (error) {
      closeSync(tree);
      throw error;
    }
    return tree;
  } finally {
    closeSync(opened);
  }
}

function setAttributes(tree: number, options: readonly string[], path: string): void {
  const propagation = options.map((option) => propagationFlags[option]).find((flag) => flag !== undefined) ?? 0;
  const deep = options.includes('rro') ? recursive : 0;
  const set = options.reduce((sum, option) => sum | (attributes[option] ?? 0n), 0n);
  const change = (flags: number, value: bigint, kind: number): void => {
    const request = new BigUint64Array([value, 0n, BigInt(kind), 0n]);
    checked(Number(setMountAttributes(numbers.mountSetattr, tree, '', emptyPath | flags, request, 32)), 'mount_setattr', path);
  };
  if (propagation !== 0) change(recursive, 0n, propagation);
  if (set !== 0n) change(deep, set, 0);
}

function makeTmpfs({ options, destination }: LiveMount, mapping: IdentityMapping | undefined): number {
  const context = checked(Number(openFileSystem(numbers.fsopen, 'tmpfs', 1)), 'fsopen', 'tmpfs');
  try {
    const configure = (command: number, key: string | null, value: string | null): void => {
      checked(Number(configureFileSystem(numbers.fsconfig, context, command, key, value, 0)), 'fsconfig', key === null ? destination : `${destination}: ${key}`);
    };
    configure(setString, 'source', 'tmpfs');
    for (const option of [...options, ...ownersOf(options, mapping)]) {
      const [key = '', value] = option.split('=', 2);
      if (value !== undefined) configure(setString, key, value);
    }
    configure(createCommand, null, null);
    const set = options.reduce((sum, option) => sum | Number(attributes[option] ?? 0n), 0);
    return checked(Number(makeMount(numbers.fsmount, context, 1, set)), 'fsmount', destination);
  } finally {
    closeSync(context);
  }
}

/** Numbers in the options are the container's: here, outside of it, others stand for them. */
function ownersOf(options: readonly string[], mapping: IdentityMapping | undefined): string[] {
  if (mapping === undefined) return [];
  const given = (name: string): number => Number(options.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1) ?? 0);
  const { uid, gid } = ownerOnHost(mapping, { uid: given('uid'), gid: given('gid') });
  return [`uid=${uid}`, `gid=${gid}`];
}

/** This thread is in its own namespace and root again when `work` has ended. */
function inMountNamespace(pid: number, work: () => void): void {
  const namespace = openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY);
  const home = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY);
  const outside = openSync('/', constants.O_DIRECTORY);
  try {
    checked(Number(nativeSetns(namespace, newMountNamespace)), 'setns', 'mount namespace');
    try {
      work();
    } finally {
      checked(Number(nativeSetns(home, newMountNamespace)), 'setns', 'mount namespace');
      enterDirectory(outside);
      checked(Number(nativeChroot('.')), 'chroot', '/');
    }
  } finally {
    for (const descriptor of [namespace, home, outside]) closeSync(descriptor);
  }
}
