/** Idmapped mounts (mount_setattr(2)): a second view of a directory in which every owner is another one. */
import { closeSync, openSync } from 'node:fs';
import { checked, declare } from './libc.ts';

const openTree = declare('long syscall(long number, int directory, const char *path, unsigned int flags)');
const moveMount = declare('long syscall(long number, int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags)');
const setMountAttributes = declare('long syscall(long number, int directory, const char *path, unsigned int flags, void *attributes, size_t size)');

/** The same on every architecture. */
const openTreeNumber = 428;
const moveMountNumber = 429;
const setMountAttributesNumber = 442;

const workingDirectory = -100;
const emptyPath = 0x1000;
const cloneTree = 1;
const closeOnExec = 0o2000000;
const fromEmptyPath = 0x4;
const idmapAttribute = 0x100000n;
const privatePropagation = 0x40000n;

/**
 * Shows `source`, without what is mounted below it, at the directory `target`: what belongs to the user 0 there, belongs
 * here to whom the user namespace (a file that names it) has as its user 0, and so on; what is written here is stored the
 * other way round. @throws kernel.syscall_failed, `EINVAL` where the file system cannot
 */
export function mountIdmapped(source: string, target: string, userNamespace: string): void {
  const namespace = openSync(userNamespace, 'r');
  try {
    const tree = checked(Number(openTree(openTreeNumber, workingDirectory, source, cloneTree | closeOnExec)), 'open_tree', source);
    try {
      const attributes = new BigUint64Array([idmapAttribute, 0n, privatePropagation, BigInt(namespace)]);
      checked(Number(setMountAttributes(setMountAttributesNumber, tree, '', emptyPath, attributes, 32)), 'mount_setattr', source);
      checked(Number(moveMount(moveMountNumber, tree, '', workingDirectory, target, fromEmptyPath)), 'move_mount', target);
    } finally {
      closeSync(tree);
    }
  } finally {
    closeSync(namespace);
  }
}
