/**
 * Network namespaces kept alive by a bind mount of them. The calling thread leaves its own namespace only
 * within one synchronous call and is back when that returns; threads made in between would stay behind,
 * so nothing asynchronous may begin there, and the thread pool must have been started before.
 */
import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs';
import { isFailure } from '#base/errors/failure.ts';
import { checked, declare } from './libc.ts';
import { holdNamespaces, type Remapping } from './user-namespace.ts';

const unshareCall = declare('int unshare(int flags)');
const setnsCall = declare('int setns(int fd, int type)');
const mountCall = declare('int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)');
const umountCall = declare('int umount2(const char *target, int flags)');

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;
// A process's threads may be in different namespaces: /proc/self names the first one's.
const ownNamespace = '/proc/thread-self/ns/net';

/**
 * Makes a namespace, kept by a bind mount at `path` (a new file), and runs `configure` inside it with a
 * descriptor of it. When that throws, nothing is left behind.
 */
export function createNetworkNamespace<T>(path: string, configure: (descriptor: number) => T): T {
  closeSync(openSync(path, 'wx', 0o444));
  try {
    return away(() => checked(unshareCall(CLONE_NEWNET), 'unshare', 'network namespace'), () => {
      const descriptor = openSync(ownNamespace, 'r');
      try {
        checked(mountCall(ownNamespace, path, '', MS_BIND, null), 'mount', path);
        return configure(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  } catch (error) {
    removeNetworkNamespace(path);
    throw error;
  }
}

/** Where the user namespace is kept that owns the network namespace kept at `path`. */
export function userNamespacePath(path: string): string {
  return `${path}-user`;
}

export function namesUserNamespace(path: string): boolean {
  return path.endsWith('-user');
}

/** A user namespace for a container of its own, or that of another container by its path. */
export interface NamespaceOwner extends Remapping {
  readonly join?: string | undefined;
}

/**
 * {@link createNetworkNamespace} owned by a user namespace, so that the container's root may change it. A new one is kept
 * beside it ({@link userNamespacePath}).
 */
export function createOwnedNetworkNamespace<T>(path: string, owner: NamespaceOwner, configure: (descriptor: number) => T): T {
  try {
    {
      using held = holdNamespaces(owner, owner.join);
      keep(held.network, path);
      if (owner.join === undefined) keep(held.user, userNamespacePath(path));
    }
    return inNetworkNamespace(path, () => {
      const descriptor = openSync(ownNamespace, 'r');
      try {
        return configure(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  } catch (error) {
    removeNetworkNamespace(path);
    throw error;
  }
}

function keep(namespace: string, path: string): void {
  closeSync(openSync(path, 'wx', 0o444));
  checked(mountCall(namespace, path, '', MS_BIND, null), 'mount', path);
}

/** Runs `work`, which must not be asynchronous, in the namespace that `path` names. */
export function inNetworkNamespace<T>(path: string, work: () => T): T {
  const descriptor = openSync(path, 'r');
  try {
    return away(() => checked(setnsCall(descriptor, CLONE_NEWNET), 'setns', path), work);
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps the caller's own namespace at `path`, unless that is done already. */
export function keepOwnNetworkNamespace(path: string): void {
  removeNetworkNamespace(path);
  closeSync(openSync(path, 'wx', 0o444));
  checked(mountCall(ownNamespace, path, '', MS_BIND, null), 'mount', path);
}

/**
 * Takes the bind mount and its file away, and those of the user namespace beside it. The kernel frees the namespace and its interfaces on its own
 * some time after the last process in it ended. What is gone already is no error.
 */
export function removeNetworkNamespace(path: string): void {
  const user = userNamespacePath(path);
  if (existsSync(user)) removeKept(user);
  removeKept(path);
}

function removeKept(path: string): void {
  // Once for every mount stacked there.
  for (;;) {
    try {
      checked(umountCall(path, MNT_DETACH), 'umount', path);
    } catch (error) {
      if (isFailure(error, 'kernel.syscall_failed') && (error.details['errno'] === 'EINVAL' || error.details['errno'] === 'ENOENT')) break;
      throw error;
    }
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

function away<T>(leave: () => void, work: () => T): T {
  const home = openSync(ownNamespace, 'r');
  try {
    leave();
    try {
      return work();
    } finally {
      if (setnsCall(home, CLONE_NEWNET) !== 0) {
        // Going on in a container's namespace would mix up host and container.
        process.abort();
      }
    }
  } finally {
    closeSync(home);
  }
}
