/**
 * Writes parts of a tree as a tar archive. Blocking. The tree may change meanwhile: it is read locked into
 * it, so that no link leads elsewhere, and what vanishes is left out.
 */
import { closeSync, constants, lstatSync, readdirSync, readlinkSync, readSync, realpathSync, type BigIntStats } from 'node:fs';
import { enterRoot } from '#kernel/chroot.ts';
import { getAttribute } from '#kernel/extended-attributes.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { openNode, statDescriptor } from '#kernel/file-nodes.ts';
import { textOf } from '#oci/tar/byte-string.ts';
import { archiveEnd, encodeHeader, paddingFor, type TarHeader } from '#oci/tar/header-encoder.ts';
import type { BlockingRingWriter } from './byte-ring.ts';
import { baseOf, parentOf } from './entry-path.ts';

/** What is archived of a tree. Paths are one character per byte. */
export type ArchivedParts =
  /** A container's changes, as a layer has them: what is deleted is a whiteout. */
  | { readonly changes: readonly { readonly kind: 'modified' | 'added' | 'deleted'; readonly path: string }[] }
  /** What lies at a path, links followed, and below it, under the name it was asked for by; nothing when it is not there. */
  | { readonly path: string };

export function archiveTree(tree: string, parts: ArchivedParts, ring: BlockingRingWriter): void {
  using _root = enterRoot(tree);
  const writer = new TreeWriter(ring);
  if ('path' in parts) writer.below(parts.path);
  else writer.changed(parts.changes);
  writer.end();
}

const whiteoutPrefix = '.wh.';
const capabilityAttribute = 'security.capability';
const zeros = Buffer.alloc(64 * 1024);

class TreeWriter {
  readonly #ring: BlockingRingWriter;
  /** Names of files with several names, by inode. */
  readonly #linked = new Map<bigint, string>();

  constructor(ring: BlockingRingWriter) {
    this.#ring = ring;
  }

  changed(changes: readonly { readonly kind: string; readonly path: string }[]): void {
    for (const { kind, path } of changes) {
      const name = path.slice(1);
      if (kind !== 'deleted') {
        present(() => this.#entry(path, name));
        continue;
      }
      const parent = parentOf(name);
      this.#header({ name: textOf(`${parent === '' ? '' : `${parent}/`}${whiteoutPrefix}${baseOf(name)}`), type: 'file', mode: 0o600, size: 0 });
    }
  }

  below(path: string): void {
    const start = present(() => realpathSync(bytes(`/${path}`), { encoding: 'buffer' }).toString('latin1'));
    if (start !== undefined) this.#walk(start, path);
  }

  end(): void {
    this.#put(archiveEnd);
    this.#ring.end();
  }

  #walk(path: string, name: string): void {
    const status = present(() => this.#entry(path, name));
    if (status?.isDirectory() !== true) return;
    const children = present(() => readdirSync(bytes(path), { encoding: 'buffer' })) ?? [];
    for (const child of children.map((entry) => entry.toString('latin1')).sort()) {
      this.#walk(path === '/' ? `/${child}` : `${path}/${child}`, name === '' ? child : `${name}/${child}`);
    }
  }

  #entry(path: string, name: string): BigIntStats {
    const status = lstatSync(bytes(path), { bigint: true });
    // The root needs no entry, and sockets are nothing without their process.
    if (name === '' || status.isSocket()) return status;
    const capability = status.isFile() ? getAttribute(path, capabilityAttribute) : undefined;
    const header = {
      name: textOf(status.isDirectory() ? `${name}/` : name),
      mode: Number(status.mode & 0o7777n),
      uid: Number(status.uid),
      gid: Number(status.gid),
      modified: { seconds: Number(status.mtimeNs / 1_000_000_000n), nanoseconds: 0 },
      ...(capability === undefined ? {} : { extendedAttributes: new Map([[capabilityAttribute, capability]]) }),
    };
    const first = status.nlink > 1n && !status.isDirectory() ? this.#linked.get(status.ino) : undefined;
    if (first !== undefined) {
      this.#header({ ...header, type: 'hardlink', linkName: textOf(first) });
      return status;
    }
    if (status.isFile()) this.#file(path, header);
    else if (status.isDirectory()) this.#header({ ...header, type: 'directory' });
    else if (status.isSymbolicLink()) this.#header({ ...header, type: 'symlink', linkName: readlinkSync(bytes(path), { encoding: 'buffer' }).toString('utf8') });
    else if (status.isFIFO()) this.#header({ ...header, type: 'fifo' });
    else this.#header({ ...header, type: status.isBlockDevice() ? 'block' : 'character', ...deviceOf(status.rdev) });
    if (status.nlink > 1n && !status.isDirectory()) this.#linked.set(status.ino, name);
    return status;
  }

  /** As long as its header says, whatever happens to it meanwhile. */
  #file(path: string, header: Omit<TarHeader, 'type'>): void {
    const descriptor = openNode(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = statDescriptor(descriptor);
      this.#header({ ...header, type: 'file', size });
      let left = size;
      while (left > 0) {
        const space = this.#ring.space();
        const read = readSync(descriptor, space, 0, Math.min(space.length, left), null);
        if (read === 0) break;
        this.#ring.put(read);
        left -= read;
      }
      for (; left > 0; left -= Math.min(left, zeros.length)) this.#put(zeros.subarray(0, left));
      this.#put(paddingFor(size));
    } finally {
      closeSync(descriptor);
    }
  }

  #header(header: TarHeader): void {
    this.#put(encodeHeader(header));
  }

  #put(bytesToWrite: Uint8Array): void {
    for (let position = 0; position < bytesToWrite.length; ) {
      const space = this.#ring.space();
      const length = Math.min(space.length, bytesToWrite.length - position);
      space.set(bytesToWrite.subarray(position, position + length));
      this.#ring.put(length);
      position += length;
    }
  }
}

/** Undefined when it is gone or has become something else meanwhile. */
function present<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO')) return undefined;
    throw error;
  }
}

/** The parts of the C library's `dev_t`. */
function deviceOf(device: bigint): { deviceMajor: number; deviceMinor: number } {
  return {
    deviceMajor: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
    deviceMinor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
  };
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
