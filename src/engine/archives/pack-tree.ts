/**
 * Packs a tree into an archive, entry by entry as Docker does: sorted by name, times to the second, owners as
 * numbers. Blocking. The tree may change under the work: every directory is entered by its descriptor, so
 * that a link put in its place is never followed, and what vanishes is left out.
 */
import { closeSync, constants, readdirSync, readSync } from 'node:fs';
import { ownerInContainer, type IdentityMapping } from '#base/identity-mapping.ts';
import { getAttribute } from '#kernel/extended-attributes.ts';
import { enterDirectory } from '#kernel/chroot.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { nodeKinds, openNode, readSymlink, statDescriptor, statNode, type NodeStatus } from '#kernel/file-nodes.ts';
import type { BlockingRingWriter } from '#image/layer/byte-ring.ts';
import { archiveEnd, encodeHeader, paddingFor } from '#oci/tar/header-encoder.ts';
import type { TarEntryType } from '#oci/tar/tar-entry.ts';

/** Paths that are longer no program could name. */
const longestName = 4095;
const capabilityAttribute = 'security.capability';

const typesByKind: ReadonlyMap<number, TarEntryType> = new Map([
  [nodeKinds.regular, 'file'],
  [nodeKinds.directory, 'directory'],
  [nodeKinds.symlink, 'symlink'],
  [nodeKinds.character, 'character'],
  [nodeKinds.block, 'block'],
  [nodeKinds.fifo, 'fifo'],
]);

export class TreePacker {
  readonly #ring: BlockingRingWriter;
  readonly #mapping: IdentityMapping | undefined;
  /** Names of files that have several, by device and inode. */
  readonly #linked = new Map<string, string>();

  /** @param mapping of the container whose files are packed; undefined: its users are the host's */
  constructor(ring: BlockingRingWriter, mapping?: IdentityMapping) {
    this.#ring = ring;
    this.#mapping = mapping;
  }

  /** Packs what is named `name` in the working directory as `entryName`, with all that is in it. */
  node(name: string, entryName: string): void {
    const status = present(() => statNode(name));
    // Sockets cannot be in archives.
    const type = status === undefined ? undefined : typesByKind.get(status.kind);
    if (status === undefined || type === undefined || entryName.length > longestName) return;
    if (type === 'file') return this.#file(name, entryName);
    if (type === 'directory') return this.#directory(name, entryName, status);
    const linkName = type === 'symlink' ? present(() => readSymlink(name)) : undefined;
    if (type === 'symlink' && linkName === undefined) return;
    this.#header({ name: entryName, type, status, linkName });
  }

  /** Packs what is in the working directory, whose descriptor is given, under a prefix. */
  contents(descriptor: number, prefix: string): void {
    const names = readdirSync('.', { encoding: 'buffer' }).map((name) => name.toString('latin1')).sort();
    for (const name of names) {
      this.node(name, prefix + name);
      enterDirectory(descriptor);
    }
  }

  /** Packs the working directory itself and what is in it. */
  whole(descriptor: number, entryName: string): void {
    this.#header({ name: entryName, type: 'directory', status: statDescriptor(descriptor) });
    this.contents(descriptor, entryName.endsWith('/') ? entryName : `${entryName}/`);
  }

  end(): void {
    this.#bytes(archiveEnd);
    this.#ring.end();
  }

  #directory(name: string, entryName: string, status: NodeStatus): void {
    this.#header({ name: entryName, type: 'directory', status });
    const descriptor = present(() => openNode(name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    if (descriptor === undefined) return;
    try {
      enterDirectory(descriptor);
      this.contents(descriptor, `${entryName}/`);
    } finally {
      closeSync(descriptor);
    }
  }

  #file(name: string, entryName: string): void {
    const descriptor = present(() => openNode(name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    if (descriptor === undefined) return;
    try {
      const status = statDescriptor(descriptor);
      if (status.kind !== nodeKinds.regular) return;
      const first = status.links > 1 ? this.#linked.get(identityOf(status)) : undefined;
      if (first !== undefined) return this.#header({ name: entryName, type: 'hardlink', status, linkName: first });
      if (status.links > 1) this.#linked.set(identityOf(status), entryName);
      this.#header({ name: entryName, type: 'file', status, capability: getAttribute(name, capabilityAttribute) });
      this.#contentsOf(descriptor, status.size);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Exactly `size` bytes: what grew is cut there, what shrank is filled with zeros. */
  #contentsOf(descriptor: number, size: number): void {
    for (let position = 0; position < size; ) {
      const space = this.#ring.space();
      const wanted = Math.min(space.length, size - position);
      let length = readSync(descriptor, space, 0, wanted, position);
      if (length === 0) {
        space.fill(0, 0, wanted);
        length = wanted;
      }
      this.#ring.put(length);
      position += length;
    }
    this.#bytes(paddingFor(size));
  }

  #header(entry: { name: string; type: TarEntryType; status: NodeStatus; linkName?: string | undefined; capability?: Buffer | undefined }): void {
    const { name, type, status, linkName, capability } = entry;
    const { uid, gid } = this.#mapping === undefined ? status : ownerInContainer(this.#mapping, status);
    const isDevice = type === 'character' || type === 'block';
    this.#bytes(
      encodeHeader(
        {
          name: type === 'directory' && !name.endsWith('/') ? `${name}/` : name,
          type,
          linkName,
          mode: status.mode,
          uid,
          gid,
          size: type === 'file' ? status.size : 0,
          modified: { seconds: status.modified.seconds, nanoseconds: 0 },
          ...(isDevice && { deviceMajor: status.device.major, deviceMinor: status.device.minor }),
          ...(capability !== undefined && { extendedAttributes: new Map([[capabilityAttribute, capability]]) }),
        },
        'bytes',
      ),
    );
  }

  #bytes(bytes: Buffer): void {
    for (let position = 0; position < bytes.length; ) {
      const space = this.#ring.space();
      const length = bytes.copy(space, 0, position);
      this.#ring.put(length);
      position += length;
    }
  }
}

function identityOf({ fileSystem, inode }: NodeStatus): string {
  return `${fileSystem.major}:${fileSystem.minor}:${inode}`;
}

/** Undefined when it is gone, or something else, by now, or cannot be opened by anybody. */
function present<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ENXIO', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
