/** Stores on a directory of their own, and images made in memory, for the tests of images. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { ImageStore } from '#image/contract.ts';
import { createImageStore, type ImageStoreOptions } from '#image/image-store.ts';
import type { LayerStore } from '#image/layer/contract.ts';
import { GzipProgram } from '#image/layer/gzip-program.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { StateDatabase } from '#store/state-database.ts';

export interface Stores {
  readonly dataRoot: string;
  readonly store: ImageStore;
  readonly layers: LayerStore;
  readonly events: { action: string; id: string; attributes: Record<string, string> }[];
  /** Opens the same data root again, as after a crash. */
  readonly reopen: () => Promise<Stores>;
  readonly close: () => void;
}

type Wrap = (layers: LayerStore) => LayerStore;
type OpenOptions = Partial<ImageStoreOptions> & { wrap?: Wrap; gzip?: GzipProgram };

export async function openStores(t: TestContext, options: OpenOptions = {}): Promise<Stores> {
  const dataRoot = mkdtempSync(join(tmpdir(), 'dhow-images-'));
  t.after(() => rmSync(dataRoot, { recursive: true, force: true }));
  return await openAt(t, dataRoot, options);
}

/** Opens an existing data root. */
export async function openAgain(t: TestContext, dataRoot: string): Promise<Stores> {
  return await openAt(t, dataRoot, {});
}

async function openAt(t: TestContext, dataRoot: string, options: OpenOptions): Promise<Stores> {
  const { wrap = (layers: LayerStore): LayerStore => layers, gzip = new GzipProgram(), ...storeOptions } = options;
  const database = new StateDatabase(join(dataRoot, 'state.db'));
  const real = createLayerStore({ dataRoot, gzip });
  await real.repair();
  const layers = wrap(real);
  const events: Stores['events'] = [];
  const store = createImageStore({ dataRoot, database, layers, onEvent: (event) => void events.push(event), retryUnit: 1, ...storeOptions });
  await store.repair();
  let open = true;
  const close = (): void => {
    if (open) database[Symbol.dispose]();
    open = false;
  };
  t.after(close);
  return {
    dataRoot,
    store,
    layers,
    events,
    reopen: async () => {
      close();
      return await openAt(t, dataRoot, storeOptions);
    },
    close,
  };
}

/** Nothing at all: no image, layer, configuration or temporary file. */
export async function assertNothingStays({ store, layers, dataRoot }: Stores): Promise<void> {
  assert.deepEqual(await store.list({ all: true, filters: {}, sharedSize: false }), []);
  assert.deepEqual(layers.list(), []);
  assert.deepEqual(readdirSync(join(dataRoot, 'tmp')), []);
  for (const directory of ['overlay2/.unpacking', 'image/overlay2/layerdb/tmp']) assert.deepEqual(entriesOf(join(dataRoot, directory)), []);
  assert.deepEqual(readdirSync(join(dataRoot, 'image/overlay2/imagedb/content/sha256')), []);
}

function entriesOf(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

export const never = new AbortController().signal;

export async function messagesOf(progress: AsyncIterable<ProgressMessage>): Promise<ProgressMessage[]> {
  return await Array.fromAsync(progress);
}

/** A tar archive with these members. */
export async function tarOf(members: readonly TarMember[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeTar(members)));
}

/** A tar archive with files of these contents. */
export async function layerOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  return await tarOf(Object.entries(files).map(([name, text]) => ({ header: { name, type: 'file' }, body: Buffer.from(text) })));
}

export interface MadeImage {
  readonly id: string;
  readonly configuration: Buffer;
  readonly layers: readonly Buffer[];
  readonly diffIds: readonly string[];
}

/** An image with a layer per argument; `extra` goes into its configuration. */
export function imageOf(layers: readonly Buffer[], extra: Readonly<Record<string, unknown>> = {}): MadeImage {
  const diffIds = layers.map(digestOf);
  const created = '2024-05-06T07:08:09.5Z';
  const history = layers.map((_layer, index) => ({ created, created_by: `step ${index}` }));
  const document = { architecture: 'amd64', os: 'linux', created, config: { Cmd: ['sh'] }, rootfs: { type: 'layers', diff_ids: diffIds }, history, ...extra };
  // Spaces that a rewriter would lose.
  const configuration = Buffer.from(JSON.stringify(document, null, 1));
  return { id: digestOf(configuration), configuration, layers, diffIds };
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function blob(bytes: Buffer): TarMember {
  return { header: { name: `blobs/sha256/${digestOf(bytes).slice(7)}`, type: 'file' }, body: bytes };
}

export function json(name: string, content: unknown): TarMember {
  return { header: { name, type: 'file' }, body: Buffer.from(JSON.stringify(content)) };
}

export interface Tagged {
  readonly image: MadeImage;
  readonly tags: readonly string[];
  readonly parent?: string;
}

/** The members of a docker-archive, manifest last. */
export function dockerArchive(images: readonly Tagged[]): TarMember[] {
  const blobs = new Map(images.flatMap(({ image }) => [image.configuration, ...image.layers]).map((bytes) => [digestOf(bytes), bytes]));
  const path = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  const manifest = images.map(({ image, tags, parent }) => ({ Config: path(image.id), RepoTags: tags.length === 0 ? null : tags, Layers: image.diffIds.map(path), Parent: parent }));
  return [...[...blobs.values()].map(blob), json('manifest.json', manifest)];
}

export async function load(stores: Stores, archive: Buffer | readonly TarMember[], quiet = true): Promise<string[]> {
  const bytes = Buffer.isBuffer(archive) ? archive : await tarOf(archive as readonly TarMember[]);
  const messages = await messagesOf(stores.store.load(Readable.from(chunked(bytes)), { quiet, signal: never }));
  return messages.flatMap(({ stream }) => (stream === undefined ? [] : [stream]));
}

/** As a socket would bring it. */
export function* chunked(bytes: Buffer, size = 10_000): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** An archive's files with their contents. */
export async function filesIn(archive: AsyncIterable<Uint8Array>): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for await (const { entry, body } of readTar(archive)) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer);
    files.set(entry.name, Buffer.concat(chunks));
  }
  return files;
}
