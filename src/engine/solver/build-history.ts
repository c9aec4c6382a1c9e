/**
 * Builds that are done, below `build-history`: of each its record, all that it told with the whole output of its steps,
 * and what its steps were made from. A build is there when its record is, which is written last.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnedPath } from '#image/contract.ts';
import { failedWith } from '#kernel/failed-with.ts';
import { BuildHistoryRecord, StatusResponse } from '#schema/buildkit/control-messages.ts';
import type { HistoryView } from './contract.ts';
import type { StepOutcome } from './step-facts.ts';

export interface KeptBuild {
  readonly record: HistoryView;
  /** Where the build was of: builds of the same place are compared. */
  readonly place: string;
}

interface KeptFile {
  readonly place: string;
  /** In the base64 form of its message. */
  readonly record: string;
}

const provenanceName = 'provenance.json';
/** Bytes that wait to be written. */
const batchSize = 64 * 1024;
/** Builds that are kept. */
const mostKept = 1000;

export class BuildHistory {
  readonly #directory: string;
  readonly #builds = new Map<string, KeptBuild>();
  /** Builds that have begun and are not kept yet. */
  readonly #begun = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const kept = readKept(join(directory, name));
      // What a crash cut short has no record.
      if (kept === undefined) rmSync(join(directory, name), { recursive: true, force: true });
      else this.#builds.set(kept.record.ref, kept);
    }
    const oldest = (kept: KeptBuild): number => kept.record.createdAt?.seconds ?? 0;
    const sorted = [...this.#builds].sort(([, a], [, b]) => oldest(a) - oldest(b));
    this.#builds.clear();
    for (const [ref, kept] of sorted) this.#builds.set(ref, kept);
  }

  /** A build begins. */
  begin(ref: string): BuildLog {
    const directory = this.#directoryOf(ref);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#begun.add(ref);
    return new BuildLog(join(directory, 'progress'));
  }

  /** It has ended. */
  keep(kept: KeptBuild, steps: readonly StepOutcome[], provenance: Buffer | undefined): void {
    const { ref } = kept.record;
    const directory = this.#directoryOf(ref);
    writeFileSync(join(directory, 'steps.json'), JSON.stringify(steps), { mode: 0o600 });
    if (provenance !== undefined) writeFileSync(join(directory, provenanceName), provenance, { mode: 0o600 });
    const file: KeptFile = { place: kept.place, record: BuildHistoryRecord.encode(kept.record).toString('base64') };
    writeFileSync(join(directory, 'record.new'), JSON.stringify(file), { mode: 0o600 });
    renameSync(join(directory, 'record.new'), join(directory, 'record.json'));
    this.#builds.set(ref, kept);
    this.#begun.delete(ref);
    for (const old of [...this.#builds.keys()].slice(0, Math.max(0, this.#builds.size - mostKept))) this.remove(old);
  }

  /** Oldest first. */
  list(): KeptBuild[] {
    return [...this.#builds.values()];
  }

  get(ref: string): KeptBuild | undefined {
    return this.#builds.get(ref);
  }

  /** The steps of the last build of a place. */
  lastSteps(place: string): StepOutcome[] | undefined {
    const last = this.list().findLast((kept) => kept.place === place);
    if (last === undefined) return undefined;
    try {
      return JSON.parse(readFileSync(join(this.#directoryOf(last.record.ref), 'steps.json'), 'utf8')) as StepOutcome[];
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** All that a build told, as it was told. */
  *progress(ref: string): Generator<Partial<StatusResponse>> {
    const bytes = readFileSync(join(this.#directoryOf(ref), 'progress'));
    for (let at = 0; at + lengthSize <= bytes.length; ) {
      const length = bytes.readUInt32BE(at);
      const end = at + lengthSize + length;
      if (end > bytes.length) return;
      yield StatusResponse.decode(bytes.subarray(at + lengthSize, end));
      at = end;
    }
  }

  /** The document that is kept of a build under this digest; undefined: there is none. */
  document(digest: string): Buffer | undefined {
    for (const { record } of this.#builds.values()) {
      if (record.result?.attestations.some((attestation) => attestation.digest === digest) !== true) continue;
      try {
        return readFileSync(join(this.#directoryOf(record.ref), provenanceName));
      } catch (error) {
        if (!failedWith(error, 'ENOENT')) throw error;
      }
    }
    return undefined;
  }

  remove(ref: string): void {
    this.#builds.delete(ref);
    rmSync(this.#directoryOf(ref), { recursive: true, force: true });
  }

  /** The directory of each build. */
  ownedPaths(): OwnedPath[] {
    return [...new Set([...this.#builds.keys(), ...this.#begun])].map((ref) => ({ path: this.#directoryOf(ref), kind: 'build history', owner: ref }));
  }

  #directoryOf(ref: string): string {
    return join(this.#directory, Buffer.from(ref).toString('hex'));
  }
}

const lengthSize = 4;

/** What a build tells, on its way to the disk. */
export class BuildLog implements Disposable {
  readonly #descriptor: number;
  #waiting: Buffer[] = [];
  #size = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'wx', 0o600);
  }

  write(message: Partial<StatusResponse>): void {
    const body = StatusResponse.encode(message);
    const length = Buffer.alloc(lengthSize);
    length.writeUInt32BE(body.length);
    this.#waiting.push(length, body);
    this.#size += lengthSize + body.length;
    if (this.#size >= batchSize) this.#flush();
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    const batch = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#size = 0;
    for (let at = 0; at < batch.length; ) at += writeSync(this.#descriptor, batch, at);
  }
}

function readKept(directory: string): KeptBuild | undefined {
  try {
    const { place, record } = JSON.parse(readFileSync(join(directory, 'record.json'), 'utf8')) as KeptFile;
    return { place, record: BuildHistoryRecord.decode(Buffer.from(record, 'base64')) };
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
