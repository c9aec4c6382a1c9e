/** Which snapshots there are: a small file for each, named by the container's id, written before anything else is made. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { fail, messageOf } from '#base/errors/failure.ts';

export interface SnapshotRecord {
  readonly id: string;
  /** Name of the snapshot's directory. */
  readonly name: string;
  /** Chain id of the image's top layer. */
  readonly topLayer: string | undefined;
}

const validId = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const suffix = '.json';

export class SnapshotRecords {
  readonly #directory: string;
  readonly #records = new Map<string, SnapshotRecord>();

  /** @throws store.damaged */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      if (!file.endsWith(suffix)) continue;
      const record = readRecord(`${directory}/${file}`);
      this.#records.set(record.id, record);
    }
  }

  /** @throws snapshot.exists */
  add(id: string, topLayer: string | undefined): SnapshotRecord {
    if (!validId.test(id)) throw new Error(`bug: ${id} is no container id`);
    if (this.#records.has(id)) throw fail('snapshot.exists', { id });
    const record: SnapshotRecord = { id, name: snapshotName(id), topLayer };
    const path = this.#path(id);
    writeFileSync(`${path}.tmp`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
    this.#records.set(id, record);
    return record;
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

  delete(id: string): void {
    rmSync(this.#path(id), { force: true });
    this.#records.delete(id);
  }

  #path(id: string): string {
    return `${this.#directory}/${id}${suffix}`;
  }
}

/** The directory of a container's snapshot: 64 hexadecimal digits, no layer's. */
export function snapshotName(id: string): string {
  return createHash('sha256').update(`snapshot ${id}`).digest('hex');
}

function readRecord(path: string): SnapshotRecord {
  try {
    const { id, name, topLayer } = JSON.parse(readFileSync(path, 'utf8')) as SnapshotRecord;
    return { id, name, topLayer };
  } catch (error) {
    throw fail('store.damaged', { path, reason: messageOf(error) }, error);
  }
}
