/**
 * Which snapshots there are: for each a symbolic link named by the container's id that holds the top
 * layer's chain id. A link is there whole or not at all, even after a power loss, without waiting for
 * the disk. It is made before anything else of the snapshot.
 */
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { fail } from '#base/errors/failure.ts';
import { failedWith } from '#kernel/failed-with.ts';

export interface SnapshotRecord {
  readonly id: string;
  /** Name of the snapshot's directory. */
  readonly name: string;
  /** Chain id of the image's top layer. */
  readonly topLayer: string | undefined;
  /** Without the files that every container gets. */
  readonly plain: boolean;
  /** Mounted with the users of a user namespace. */
  readonly remapped: boolean;
}

const validId = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const noLayer = 'no-layer';
const plainPrefix = 'plain:';
const remappedPrefix = 'remapped:';

export class SnapshotRecords {
  readonly #directory: string;
  readonly #records = new Map<string, SnapshotRecord>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) this.#put(entry.name, readlinkSync(this.#path(entry.name)));
    }
  }

  /** @throws snapshot.exists */
  add(id: string, topLayer: string | undefined, { plain = false, remapped = false }: { readonly plain?: boolean; readonly remapped?: boolean }): SnapshotRecord {
    if (!validId.test(id)) throw new Error(`bug: ${id} is no container id`);
    if (this.#records.has(id)) throw fail('snapshot.exists', { id });
    const target = `${remapped ? remappedPrefix : ''}${plain ? plainPrefix : ''}${topLayer ?? noLayer}`;
    symlinkSync(target, this.#path(id));
    return this.#put(id, target);
  }

  /** @throws snapshot.not_found */
  get(id: string): SnapshotRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw fail('snapshot.not_found', { id });
    return record;
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  ids(): string[] {
    return [...this.#records.keys()];
  }

  /** The link that stands for a snapshot. */
  pathOf(id: string): string {
    return this.#path(id);
  }

  delete(id: string): void {
    try {
      unlinkSync(this.#path(id));
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) throw error;
    }
    this.#records.delete(id);
  }

  #put(id: string, target: string): SnapshotRecord {
    const remapped = target.startsWith(remappedPrefix);
    const rest = remapped ? target.slice(remappedPrefix.length) : target;
    const plain = rest.startsWith(plainPrefix);
    const topLayer = plain ? rest.slice(plainPrefix.length) : rest;
    const record: SnapshotRecord = { id, name: snapshotName(id), topLayer: topLayer === noLayer ? undefined : topLayer, plain, remapped };
    this.#records.set(id, record);
    return record;
  }

  #path(id: string): string {
    return `${this.#directory}/${id}`;
  }
}

/** Where the records of a storage driver's snapshots are. */
export function snapshotRecordsOf(dataRoot: string, driver: string): string {
  return `${dataRoot}/image/${driver}/layerdb/mounts`;
}

/** The directory of a container's snapshot: 64 hexadecimal digits, no layer's. */
export function snapshotName(id: string): string {
  return createHash('sha256').update(`snapshot ${id}`).digest('hex');
}
