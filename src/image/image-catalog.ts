/**
 * Which images there are, and their names. Records and names are rows of the state database; the
 * configuration files lie in `directory`, byte for byte as they came. An image exists when its row does:
 * the file is complete before the row is written and goes after the row went, so a crash leaves the
 * whole image or an orphaned file, which `repair` removes.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isFailure } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { timestampNow } from '#base/timestamp.ts';
import { chainIds } from '#oci/chain-id.ts';
import { digestOf, encodedPart } from '#oci/digest.ts';
import { checkHistory, parseImageConfiguration, type ImageConfiguration } from '#oci/image-configuration.ts';
import { canonicalName, canonicalText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';

interface ImageRecord {
  parent?: string;
  lastTagTime?: string;
}

interface NameRecord {
  id: string;
  /** Digest of the manifest or index that the name stands for in its registry. */
  target?: string;
}

/** An image with its configuration. */
export interface CatalogImage {
  readonly id: string;
  readonly parent: string | undefined;
  /** RFC 3339; undefined when it was never tagged by a user here. */
  readonly lastTagTime: string | undefined;
  readonly configuration: ImageConfiguration;
  /** Chain ids of its layers, bottom first. */
  readonly chain: readonly string[];
}

/** An image to add. */
export interface NewImage {
  /** The configuration file. */
  readonly configuration: Buffer;
  /** Id of the image it was made from. */
  readonly parent?: string | undefined;
  readonly names?: readonly ImageReference[];
  /** The names are a user's tagging. */
  readonly tagged?: boolean;
  /** Digest of the manifest or index the names stand for. */
  readonly target?: string | undefined;
}

interface Parsed {
  readonly configuration: ImageConfiguration;
  readonly chain: readonly string[];
}

export class ImageCatalog {
  readonly #database: StateDatabase;
  readonly #directory: string;
  readonly #records: DocumentTable<ImageRecord>;
  readonly #names: DocumentTable<NameRecord>;
  readonly #images = new Map<string, ImageRecord>();
  readonly #children = new Map<string, Set<string>>();
  readonly #parsed = new Map<string, Parsed>();
  readonly #idByName = new Map<string, string>();
  readonly #targets = new Map<string, string>();
  readonly #namesById = new Map<string, Map<string, ImageReference>>();

  /** @param directory where configuration files lie; made if missing */
  constructor(database: StateDatabase, directory: string) {
    this.#database = database;
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#records = database.table('images');
    this.#names = database.table('image_names');
    for (const [id, record] of this.#records.entries()) this.#keep(id, record);
    for (const [text, { id, target }] of this.#names.entries()) this.#remember(parseReference(text), id, target);
  }

  has(id: string): boolean {
    return this.#images.has(id);
  }

  ids(): string[] {
    return [...this.#images.keys()];
  }

  /** @throws image.not_found */
  get(id: string): CatalogImage {
    const record = this.#record(id);
    let parsed = this.#parsed.get(id);
    if (parsed === undefined) {
      parsed = parse(readFileSync(this.#path(id), 'utf8'));
      this.#parsed.set(id, parsed);
    }
    return { id, parent: record.parent, lastTagTime: record.lastTagTime, ...parsed };
  }

  all(): CatalogImage[] {
    return this.ids().map((id) => this.get(id));
  }

  /** The configuration file's bytes. */
  async configurationBytes(id: string): Promise<Buffer> {
    return await readFile(this.#path(id));
  }

  /** Where the configuration file of an image lies, or would. */
  configurationPath(id: string): string {
    return this.#path(id);
  }

  /** Images made from this one. */
  children(id: string): string[] {
    return [...(this.#children.get(id) ?? [])];
  }

  /**
   * Adds images with their names and parents in one step: all or none. An image that is there keeps its
   * record. A tag that names another image moves; a digest that does stays. `andThen` joins the transaction.
   * @returns their ids, in the same order
   * @throws image.invalid_configuration and the like when a configuration is none
   */
  async add(images: readonly NewImage[], andThen?: () => void): Promise<string[]> {
    const drafts = images.map((image) => {
      const id = digestOf(image.configuration);
      return { ...image, id, path: `${this.#path(id)}.${newIdentifier().slice(0, 12)}.draft`, parsed: parse(image.configuration.toString('utf8')) };
    });
    try {
      for (const { path, configuration } of drafts) await writeDurably(path, configuration);
      // From here to the end nothing awaits: no removal can come between file and row.
      for (const { path, id } of drafts) renameSync(path, this.#path(id));
    } catch (error) {
      for (const { path } of drafts) rmSync(path, { force: true });
      throw asDiskFull(error, drafts[0]?.path ?? this.#directory);
    }
    const records = drafts.map(({ id, parent, tagged }): [string, ImageRecord] => {
      const record: ImageRecord = { ...this.#images.get(id) };
      if (parent !== undefined) record.parent = parent;
      if (tagged === true) record.lastTagTime = timestampNow();
      return [id, record];
    });
    this.#database.transaction(() => {
      for (const [id, record] of records) this.#records.put(id, record);
      for (const { id, names, target } of drafts) for (const name of names ?? []) this.#putName(name, id, target);
      andThen?.();
    });
    for (const [id, record] of records) this.#keep(id, record);
    for (const { id, parsed, names, target } of drafts) {
      this.#parsed.set(id, parsed);
      for (const name of names ?? []) this.#remember(name, id, target);
    }
    return drafts.map(({ id }) => id);
  }

  /** Gives an image a name now, that of `target` where it is known. */
  tag(id: string, name: ImageReference, target?: string): void {
    const row: ImageRecord = { ...this.#record(id), lastTagTime: timestampNow() };
    this.#database.transaction(() => {
      this.#records.put(id, row);
      this.#putName(name, id, target);
    });
    this.#keep(id, row);
    this.#remember(name, id, target);
  }

  /** Gives an image names that are no user's tagging, as a pull does. `andThen` joins the transaction. */
  addNames(id: string, names: readonly ImageReference[], target?: string, andThen?: () => void): void {
    this.#database.transaction(() => {
      for (const name of names) this.#putName(name, id, target);
      andThen?.();
    });
    for (const name of names) this.#remember(name, id, target);
  }

  /** The id a name stands for; a digest counts for more than a tag. */
  lookup(name: ImageReference): string | undefined {
    return this.#idByName.get(keyOf(name));
  }

  /** Digest of the manifest or index a name stands for, where it came from a registry or went to one. */
  targetOf(name: ImageReference): string | undefined {
    return this.#targets.get(keyOf(name));
  }

  /** An image's names in the order of their full texts. */
  names(id: string): ImageReference[] {
    const names = this.#namesById.get(id);
    if (names === undefined) return [];
    return [...names.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
  }

  /** Every name within a repository, in order. */
  repositoryNames(repository: ImageReference): { name: ImageReference; id: string }[] {
    const prefix = canonicalName(repository);
    return [...this.#idByName.entries()]
      .map(([text, id]) => ({ text, id, name: this.#namesById.get(id)?.get(text) }))
      .flatMap(({ text, id, name }) => (name !== undefined && canonicalName(name) === prefix ? [{ text, id, name }] : []))
      .sort((a, b) => (a.text < b.text ? -1 : 1))
      .map(({ name, id }) => ({ name, id }));
  }

  /** Drops a name; false when there is none. */
  removeName(name: ImageReference): boolean {
    const key = keyOf(name);
    if (!this.#idByName.has(key)) return false;
    this.#names.delete(key);
    this.#forget(key);
    return true;
  }

  /** Drops an image with all its names; its children have no parent then. `andThen` joins the transaction. */
  remove(id: string, andThen?: () => void): void {
    const keys = [...(this.#namesById.get(id)?.keys() ?? [])];
    const children = this.children(id);
    this.#database.transaction(() => {
      for (const key of keys) this.#names.delete(key);
      for (const child of children) this.#records.put(child, withoutParent(this.#images.get(child)));
      this.#records.delete(id);
      andThen?.();
    });
    for (const key of keys) this.#forget(key);
    for (const child of children) this.#keep(child, withoutParent(this.#images.get(child)));
    this.#keep(id, undefined);
    this.#parsed.delete(id);
    rmSync(this.#path(id), { force: true });
  }

  /**
   * Removes orphaned files, images whose file is gone or damaged, images whose layers are gone, and
   * names of images that are not there.
   * @returns ids of the images that had to go
   */
  repair(layerExists: (chainId: string) => boolean): string[] {
    const broken = this.ids().filter((id) => !this.#isWhole(id, layerExists));
    for (const id of broken) this.remove(id);
    for (const [key, id] of [...this.#idByName]) {
      if (this.#images.has(id)) continue;
      this.#names.delete(key);
      this.#forget(key);
    }
    const known = new Set(this.ids().map(encodedPart));
    for (const name of readdirSync(this.#directory)) if (!known.has(name)) rmSync(join(this.#directory, name), { recursive: true, force: true });
    return broken;
  }

  /** Takes a record up, or drops it, with its place among its parent's children. */
  #keep(id: string, record: ImageRecord | undefined): void {
    const before = this.#images.get(id)?.parent;
    if (before !== undefined) this.#children.get(before)?.delete(id);
    if (record === undefined) this.#images.delete(id);
    else this.#images.set(id, record);
    if (record?.parent === undefined) return;
    const siblings = this.#children.get(record.parent) ?? new Set();
    this.#children.set(record.parent, siblings.add(id));
  }

  #record(id: string): ImageRecord {
    const record = this.#images.get(id);
    if (record === undefined) throw fail('image.not_found', { reference: id });
    return record;
  }

  #isWhole(id: string, layerExists: (chainId: string) => boolean): boolean {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#path(id));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false;
      throw error;
    }
    if (digestOf(bytes) !== id) return false;
    let top: string | undefined;
    try {
      top = this.get(id).chain.at(-1);
    } catch (error) {
      if (!isFailure(error, 'image.invalid_configuration')) throw error;
      return false;
    }
    return top === undefined || layerExists(top);
  }

  #putName(name: ImageReference, id: string, target: string | undefined): void {
    const key = keyOf(name);
    if (name.digest !== undefined && this.#idByName.has(key)) return;
    const standsFor = this.#targetFor(name, id, target);
    this.#names.put(key, { id, ...(standsFor === undefined ? {} : { target: standsFor }) });
  }

  #remember(name: ImageReference, id: string, target: string | undefined): void {
    const key = keyOf(name);
    const before = this.#idByName.get(key);
    if (before !== undefined && name.digest !== undefined) return;
    const standsFor = this.#targetFor(name, id, target);
    if (before !== undefined) this.#forget(key);
    this.#idByName.set(key, id);
    if (standsFor !== undefined) this.#targets.set(key, standsFor);
    const names = this.#namesById.get(id) ?? new Map<string, ImageReference>();
    names.set(key, stored(name));
    this.#namesById.set(id, names);
  }

  /** A name that is given to the same image again stands for what it stood for. */
  #targetFor(name: ImageReference, id: string, target: string | undefined): string | undefined {
    const key = keyOf(name);
    return name.digest ?? target ?? (this.#idByName.get(key) === id ? this.#targets.get(key) : undefined);
  }

  #forget(key: string): void {
    const id = this.#idByName.get(key);
    if (id === undefined) return;
    this.#idByName.delete(key);
    this.#targets.delete(key);
    const names = this.#namesById.get(id);
    names?.delete(key);
    if (names?.size === 0) this.#namesById.delete(id);
  }

  #path(id: string): string {
    return join(this.#directory, encodedPart(id));
  }
}

/** Of tag and digest only the digest is kept: it is the more exact. */
function stored(name: ImageReference): ImageReference {
  if (name.digest === undefined) return withDefaultTag(name);
  return { domain: name.domain, path: name.path, digest: name.digest };
}

function keyOf(name: ImageReference): string {
  return canonicalText(stored(name));
}

function parse(text: string): Parsed {
  const configuration = parseImageConfiguration(text);
  checkHistory(configuration);
  return { configuration, chain: chainIds(configuration.diffIds) };
}

function withoutParent(record: ImageRecord | undefined): ImageRecord {
  return record?.lastTagTime === undefined ? {} : { lastTagTime: record.lastTagTime };
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(bytes);
  await file.datasync();
}

/** The engine's error for a full disk; any other error as it is. */
export function asDiskFull(error: unknown, path: string): unknown {
  return isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT') ? fail('image.disk_full', { path }, error) : error;
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
