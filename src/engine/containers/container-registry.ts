/**
 * All containers by id and name. Records are immutable values: `update` replaces one in memory and in
 * the database in the same step, so what a reader sees is what survives a crash. Only what has happened
 * whether or not it can be written down (`book`, `delete`) waits for a disk that is full.
 */
import { fail, invariant, isFailure, messageOf } from '#base/errors/failure.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import { resolveLinkName } from './container-links.ts';
import type { ContainerRecord } from './container-record.ts';

export class ContainerRegistry {
  readonly #table: DocumentTable<ContainerRecord>;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #idsByName = new Map<string, string>();
  readonly #log: (level: 'error', message: string) => void;
  /** Ids whose row is not what the record is. */
  readonly #unwritten = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** Ids of rows that cannot be read. Their data is kept, but they are no containers. */
  readonly damaged: readonly string[];

  constructor(database: StateDatabase, log: (level: 'error', message: string) => void) {
    this.#log = log;
    this.#table = database.table<ContainerRecord>('containers');
    const damaged = new Map<string, string>();
    const records = this.#table.entries((id, reason) => damaged.set(id, reason)).filter(([id, record]) => {
      const sound = isRecord(id, record);
      if (!sound) damaged.set(id, 'fields are missing');
      return sound;
    });
    this.damaged = [...damaged.keys()];
    for (const [id, reason] of damaged) log('error', `the record of container ${id} is damaged (${reason}) and is left out; its files stay where they are`);
    for (const [id, record] of records) {
      this.#records.set(id, record);
      this.#idsByName.set(record.name, id);
    }
  }

  all(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** The record of an id that must exist. @throws container.not_found when it was removed meanwhile */
  require(id: string): ContainerRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw fail('container.not_found', { reference: id });
    return record;
  }

  /** By full id, name, or unambiguous id prefix, in Docker's order. @throws container.not_found, container.ambiguous_prefix */
  resolve(reference: string): ContainerRecord {
    if (reference === '') throw fail('container.empty_reference');
    const byId = this.#records.get(reference);
    if (byId !== undefined) return byId;
    const named = this.#idsByName.get(reference.startsWith('/') ? reference.slice(1) : reference);
    if (named !== undefined) return this.require(named);
    let found: ContainerRecord | undefined;
    for (const [id, record] of this.#records) {
      if (!id.startsWith(reference)) continue;
      if (found !== undefined) throw fail('container.ambiguous_prefix', { reference });
      found = record;
    }
    found ??= resolveLinkName(reference, this)?.target;
    if (found === undefined) throw fail('container.not_found', { reference });
    return found;
  }

  holderOf(name: string): string | undefined {
    return this.#idsByName.get(name);
  }

  /** @throws container.name_in_use */
  add(record: ContainerRecord): void {
    this.#refuseTaken(record.name, record.id);
    this.#table.put(record.id, record);
    this.#records.set(record.id, record);
    this.#idsByName.set(record.name, record.id);
  }

  /** Replaces fields of a record. @throws container.not_found, container.name_in_use for a new name */
  update(id: string, change: Partial<Omit<ContainerRecord, 'id'>>): ContainerRecord {
    const before = this.require(id);
    const after: ContainerRecord = { ...before, ...change };
    invariant(after.id === id, 'a container keeps its id');
    if (after.name !== before.name) this.#refuseTaken(after.name, id);
    this.#table.put(id, after);
    this.#records.set(id, after);
    if (after.name !== before.name) {
      this.#idsByName.delete(before.name);
      this.#idsByName.set(after.name, id);
    }
    return after;
  }

  /**
   * Replaces fields by what has happened already, and cannot be refused because the disk is full: it is
   * written as soon as there is space. A crash before finds it out again on the machine.
   * @throws container.not_found
   */
  book(id: string, change: Partial<Omit<ContainerRecord, 'id' | 'name'>>): ContainerRecord {
    const after: ContainerRecord = { ...this.require(id), ...change };
    this.#records.set(id, after);
    this.#writeInTime(id);
    return after;
  }

  delete(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#records.delete(id);
    this.#idsByName.delete(record.name);
    this.#writeInTime(id);
  }

  #writeInTime(id: string): void {
    try {
      this.#write(id);
      this.#unwritten.delete(id);
    } catch (error) {
      this.#log('error', `could not write down what is so of container ${id}: ${messageOf(error)}; it is tried again every second`);
      this.#unwritten.add(id);
      this.#timer ??= setInterval(() => this.#writeRest(), 1000).unref();
    }
  }

  #writeRest(): void {
    try {
      for (const id of this.#unwritten) {
        this.#write(id);
        this.#unwritten.delete(id);
      }
      clearInterval(this.#timer);
      this.#timer = undefined;
    } catch (error) {
      // Still no space; it was told of.
      if (!isFailure(error, 'store.write_failed')) throw error;
    }
  }

  #write(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) this.#table.delete(id);
    else this.#table.put(id, record);
  }

  #refuseTaken(name: string, id: string): void {
    const holder = this.#idsByName.get(name);
    if (holder !== undefined && holder !== id) throw fail('container.name_in_use', { name, holder });
  }
}

/** Whether a row has the shape it was written with; a torn or foreign one must not bring the others down. */
function isRecord(id: string, value: unknown): value is ContainerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields: Readonly<Record<string, unknown>> = { ...value };
  return fields['id'] === id && typeof fields['name'] === 'string' && ['config', 'hostConfig', 'state', 'endpointSettings'].every((name) => typeof fields[name] === 'object' && fields[name] !== null) && Array.isArray(fields['mounts']);
}
