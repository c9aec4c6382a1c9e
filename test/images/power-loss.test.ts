/**
 * The machine loses its power right after an operation was told to be done. The disk is a file behind a loop device: what
 * that file holds at a moment is what has reached the disk, everything else is lost.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test, { type TestContext } from 'node:test';
import { dockerArchive, imageOf, layerOf, load, messagesOf, never, openAgain, type Stores } from './image-fixture.ts';
import { noise, startRegistry } from './registry-fixture.ts';

function run(program: string, ...parameters: readonly string[]): void {
  const { status, stderr } = spawnSync(program, parameters, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

/** A mounted disk; `cut` gives the stores as they are after power is lost now. */
class Disk {
  readonly #t: TestContext;
  readonly #directory: string;
  readonly #file: string;
  readonly #mounts: string[] = [];
  #cuts = 0;

  constructor(t: TestContext) {
    this.#t = t;
    this.#directory = mkdtempSync(join(tmpdir(), 'dhow-power-'));
    t.after(() => {
      for (const point of this.#mounts) run('umount', '-l', point);
      rmSync(this.#directory, { recursive: true, force: true });
    });
    this.#file = join(this.#directory, 'disk');
    run('truncate', '-s', '48M', this.#file);
    run('mkfs.ext4', '-q', '-F', this.#file);
  }

  async stores(): Promise<Stores> {
    return await this.#mounted(this.#file);
  }

  async cut(): Promise<Stores> {
    const copy = join(this.#directory, `cut-${++this.#cuts}`);
    copyFileSync(this.#file, copy);
    return await this.#mounted(copy);
  }

  async #mounted(file: string): Promise<Stores> {
    const point = `${file}.mounted`;
    mkdirSync(point);
    run('mount', '-o', 'loop', file, point);
    this.#mounts.push(point);
    mkdirSync(join(point, 'data'), { recursive: true });
    return await openAgain(this.#t, join(point, 'data'));
  }
}

async function assertWhole({ store }: Stores, ...names: readonly string[]): Promise<void> {
  for (const name of names) assert.ok(store.resolve(name), name);
  assert.deepEqual(await Array.fromAsync(store.damaged({ deep: true, signal: never })), []);
}

test('what was loaded, tagged, imported, pulled and derived must survive a loss of power right after it was told to be done', async (t) => {
  const disk = new Disk(t);
  const stores = await disk.stores();
  const { store } = stores;
  const files = async (seed: string): Promise<Buffer> => await layerOf(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`${seed}${index}`, noise(`${seed}${index}`, 20_000)])));

  await load(stores, dockerArchive([{ image: imageOf([await files('a'), await files('b')]), tags: ['loaded:1'] }]));
  await assertWhole(await disk.cut(), 'loaded:1');

  store.tag('loaded:1', 'tagged', '2');
  await store.settled({ files: false });
  await assertWhole(await disk.cut(), 'tagged:2');

  await messagesOf(store.import(Readable.from([await files('c')]), { repository: 'imported', message: '', changes: [], source: '-', signal: never }));
  await assertWhole(await disk.cut(), 'imported');

  const registry = await startRegistry(t);
  registry.push('me/app:v1', imageOf([await files('d')]));
  for (const { error } of await messagesOf(store.pull(`${registry.host}/me/app:v1`, { signal: never }))) assert.equal(error, undefined);
  await assertWhole(await disk.cut(), `${registry.host}/me/app:v1`);

  await using derivation = store.derive();
  const id = await derivation.make({ base: undefined, author: '', comment: '', config: {}, containerConfig: {}, container: '', createdBy: 'step' }, Readable.from([await files('e')]), never);
  store.tag(id, 'derived', undefined);
  await store.settled({ files: true });
  await assertWhole(await disk.cut(), 'derived', 'loaded:1', 'tagged:2', 'imported', `${registry.host}/me/app:v1`);
});
