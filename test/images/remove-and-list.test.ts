import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ImageUser } from '#image/contract.ts';
import { dockerArchive, imageOf, layerOf, load, openStores, type MadeImage, type Stores } from './image-fixture.ts';

const nobody = (): ImageUser[] => [];
const container = 'c0ffee'.repeat(10) + '0123';

function usedBy(id: string, running: boolean): (imageId: string) => ImageUser[] {
  return (imageId) => (imageId === id ? [{ containerId: container, running }] : []);
}

/** A base image, a child with one more layer, and an unrelated one. */
async function family(t: TestContext): Promise<Stores & { base: MadeImage; child: MadeImage; other: MadeImage }> {
  const stores = await openStores(t);
  const layer = await layerOf({ base: 'base' });
  const step = (index: number): object => ({ created: `2024-0${index + 1}-01T00:00:00Z`, created_by: `step ${index}` });
  const base = imageOf([layer], { created: '2024-01-01T00:00:00Z', history: [step(0)] });
  const child = imageOf([layer, await layerOf({ child: 'child' })], { created: '2024-02-01T00:00:00Z', history: [step(0), step(1)], config: { Labels: { tier: 'db', 'with space': '' } } });
  const other = imageOf([await layerOf({ other: 'other' })], { created: '2024-03-01T00:00:00Z' });
  await load(stores, dockerArchive([
    { image: base, tags: ['base:one', 'base:two'] },
    { image: child, tags: ['child:latest'], parent: base.id },
    { image: other, tags: ['other:latest'] },
  ]));
  stores.events.length = 0;
  return { ...stores, base, child, other };
}

test('removing a name must untag, and removing the last one delete image and layers, telling events', async (t) => {
  const { store, events, other, layers } = await family(t);
  store.tag('other', 'second', 'x');
  assert.deepEqual(await store.remove('other', { force: false, prune: true, users: nobody }), [{ Untagged: 'other:latest' }]);
  assert.deepEqual(await store.remove('second:x', { force: false, prune: true, users: nobody }), [{ Untagged: 'second:x' }, { Deleted: other.id }, { Deleted: other.diffIds[0] }]);
  assert.deepEqual(events.map(({ action, id, attributes }) => [action, id, attributes['name']]), [
    ['tag', other.id, 'second:x'],
    ['untag', other.id, other.id],
    ['untag', other.id, other.id],
    ['delete', other.id, other.id],
  ]);
  assert.equal(layers.get(other.diffIds[0] ?? ''), undefined);
  assert.throws(() => store.resolve('other'), { message: 'No such image: other:latest' });
});

test('a child that goes must take its unnamed parents along, unless that is not wanted', async (t) => {
  for (const prune of [true, false]) {
    const { store, base, child } = await family(t);
    await store.remove('base:one', { force: false, prune: true, users: nobody });
    assert.deepEqual(await store.remove('base:two', { force: false, prune: true, users: nobody }), [{ Untagged: 'base:two' }], 'a parent must stay');
    const entries = await store.remove('child', { force: false, prune, users: nobody });
    const childLayer = entries.find((entry) => 'Deleted' in entry && entry.Deleted !== child.id && entry.Deleted !== base.id && entry.Deleted !== base.diffIds[0]);
    const alone = [{ Untagged: 'child:latest' }, { Deleted: child.id }, childLayer];
    assert.deepEqual(entries, prune ? [...alone, { Deleted: base.id }, { Deleted: base.diffIds[0] }] : alone);
  }
});

test('an image with children must stay when its last name goes, and go with its last child', async (t) => {
  const { store, base, child, layers } = await family(t);
  store.tag('child', 'child', 'again');
  await assert.rejects(store.remove(base.id, { force: true, prune: true, users: nobody }), { code: 'image.in_use', message: `conflict: unable to delete ${base.id.slice(7, 19)} (cannot be forced) - image has dependent child images` });
  assert.deepEqual(store.namesOf(base.id).tags, ['base:one', 'base:two']);
  await store.remove('child:again', { force: false, prune: true, users: nobody });
  const entries = await store.remove('child', { force: false, prune: false, users: nobody });
  assert.deepEqual(entries.slice(0, 2), [{ Untagged: 'child:latest' }, { Deleted: child.id }]);
  assert.equal(store.resolve('base:one').id, base.id);
  assert.notEqual(layers.get(base.diffIds[0] ?? ''), undefined);
});

test('an id with several names must need force, and then lose all', async (t) => {
  const { store, base } = await family(t);
  await store.remove('child', { force: false, prune: false, users: nobody });
  const short = base.id.slice(7, 19);
  await assert.rejects(store.remove(short, { force: false, prune: true, users: nobody }), { message: `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories` });
  assert.deepEqual(await store.remove(short, { force: true, prune: true, users: nobody }), [{ Untagged: 'base:one' }, { Untagged: 'base:two' }, { Deleted: base.id }, { Deleted: base.diffIds[0] }]);
});

test('an image that a stopped container uses must need force, by name and by id', async (t) => {
  const { store, other, layers } = await family(t);
  const users = usedBy(other.id, false);
  const short = other.id.slice(7, 19);
  await assert.rejects(store.remove('other', { force: false, prune: true, users }), { code: 'image.reference_in_use', message: `conflict: unable to remove repository reference "other" (must force) - container ${container.slice(0, 12)} is using its referenced image ${short}` });
  await assert.rejects(store.remove(short, { force: false, prune: true, users }), { message: `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${container.slice(0, 12)}` });
  assert.deepEqual(await store.remove('other', { force: true, prune: true, users }), [{ Untagged: 'other:latest' }, { Deleted: other.id }]);
  assert.notEqual(layers.get(other.diffIds[0] ?? ''), undefined, 'the container still lies on the layer');
  await store.collect(users);
  assert.notEqual(layers.get(other.diffIds[0] ?? ''), undefined);
  await store.collect(nobody);
  assert.equal(layers.get(other.diffIds[0] ?? ''), undefined, 'the layer must go with the container');
});

test('layers of a removed image must outlive a restart while a container lies on them', async (t) => {
  const stores = await family(t);
  const { other } = stores;
  await stores.store.remove('other', { force: true, prune: true, users: usedBy(other.id, false) });
  const after = await stores.reopen();
  assert.notEqual(after.layers.get(other.diffIds[0] ?? ''), undefined);
  await after.store.collect(nobody);
  assert.equal(after.layers.get(other.diffIds[0] ?? ''), undefined);
});

test('an image that a running container uses must not be deleted even by force, but can lose its name', async (t) => {
  const { store, other } = await family(t);
  const users = usedBy(other.id, true);
  await assert.rejects(store.remove(other.id, { force: true, prune: true, users }), { message: `conflict: unable to delete ${other.id.slice(7, 19)} (cannot be forced) - image is being used by running container ${container.slice(0, 12)}` });
  assert.deepEqual(await store.remove('other', { force: true, prune: true, users }), [{ Untagged: 'other:latest' }]);
  assert.equal(store.resolve(other.id).id, other.id);
});

test('pruning must take dangling images only, or with dangling=false all that are unused, and count what it frees', async (t) => {
  const { store, child, base, other, events } = await family(t);
  assert.deepEqual(await store.prune({ filters: {}, users: nobody }), { ImagesDeleted: null, SpaceReclaimed: 0 });
  store.tag('base:one', 'other', 'latest');
  assert.deepEqual(await store.prune({ filters: { label: ['absent'] }, users: nobody }), { ImagesDeleted: null, SpaceReclaimed: 0 });
  assert.deepEqual(await store.prune({ filters: { until: ['2024-02-15T00:00:00Z'] }, users: nobody }), { ImagesDeleted: null, SpaceReclaimed: 0 });
  assert.deepEqual(await store.prune({ filters: {}, users: nobody }), { ImagesDeleted: [{ Deleted: other.id }, { Deleted: other.diffIds[0] }], SpaceReclaimed: 5 });
  const { ImagesDeleted, SpaceReclaimed } = await store.prune({ filters: { dangling: ['false'] }, users: usedBy(base.id, true) });
  assert.ok(ImagesDeleted?.some((entry) => 'Deleted' in entry && entry.Deleted === child.id));
  assert.equal(SpaceReclaimed, 5);
  assert.equal(store.resolve(base.id).id, base.id);
  assert.deepEqual(events.filter(({ action }) => action === 'prune').at(-1)?.attributes, { reclaimed: '5' });
});

test('labels must choose what pruning takes, both ways', async (t) => {
  const { store } = await family(t);
  const all = { dangling: ['false'] };
  assert.deepEqual(await store.prune({ filters: { ...all, label: ['tier=web'] }, users: nobody }), { ImagesDeleted: null, SpaceReclaimed: 0 });
  const { ImagesDeleted } = await store.prune({ filters: { ...all, 'label!': ['tier'] }, users: nobody });
  assert.ok(ImagesDeleted?.some((entry) => 'Untagged' in entry && entry.Untagged === 'other:latest'));
  assert.equal(store.resolve('child').config.Labels?.['tier'], 'db');
});

test('wrong filters must be refused with the words of Docker', async (t) => {
  const { store } = await family(t);
  const list = async (filters: Record<string, string[]>): Promise<unknown> => await store.list({ all: false, filters, sharedSize: false });
  await assert.rejects(list({ bogus: ['1'] }), { message: "invalid filter 'bogus'" });
  await assert.rejects(list({ dangling: ['maybe'] }), { message: "invalid filter 'dangling=[maybe]'" });
  await assert.rejects(list({ since: ['none'] }), { message: 'No such image: none:latest' });
  await assert.rejects(list({ reference: ['['] }), { message: 'syntax error in pattern' });
  await assert.rejects(list({ until: ['whenever'] }), { message: 'failed to parse value as time or duration: "whenever"' });
  await assert.rejects(store.prune({ filters: { bogus: ['1'] }, users: nobody }), { message: "invalid filter 'bogus'" });
  await assert.rejects(store.prune({ filters: { until: ['1h', '2h'] }, users: nobody }), { message: 'more than one until filter specified' });
});

test('lists must be newest first, filtered by every filter, with sizes and counts', async (t) => {
  const { store, base, child, other } = await family(t);
  const list = async (filters: Record<string, string[]>, more: object = {}): Promise<string[]> => (await store.list({ all: false, filters, sharedSize: false, ...more })).flatMap(({ RepoTags }) => RepoTags);
  assert.deepEqual(await list({}), ['other:latest', 'child:latest', 'base:one', 'base:two']);
  assert.deepEqual(await list({ label: ['tier=db', 'with space'] }), ['child:latest']);
  assert.deepEqual(await list({ label: ['tier=db', 'absent'] }), []);
  assert.deepEqual(await list({ before: ['child'] }), ['base:one', 'base:two']);
  assert.deepEqual(await list({ since: ['base:one'] }), ['other:latest', 'child:latest']);
  assert.deepEqual(await list({ until: ['2024-02-15'] }), ['child:latest', 'base:one', 'base:two']);
  assert.deepEqual(await list({ reference: ['base:o*', 'ot*'] }), ['other:latest', 'base:one']);
  assert.deepEqual(await list({ dangling: ['true'] }), []);
  const summaries = await store.list({ all: true, filters: {}, sharedSize: true, users: usedBy(child.id, true) });
  assert.deepEqual(summaries.map(({ Id, Size, SharedSize, Containers, ParentId, RepoDigests }) => ({ Id, Size, SharedSize, Containers, ParentId, RepoDigests })), [
    { Id: other.id, Size: 5, SharedSize: 0, Containers: 0, ParentId: '', RepoDigests: [] },
    { Id: child.id, Size: 9, SharedSize: 4, Containers: 1, ParentId: base.id, RepoDigests: [] },
    { Id: base.id, Size: 4, SharedSize: 4, Containers: 0, ParentId: '', RepoDigests: [] },
  ]);
});

test('an image must be found by name, id, and any unambiguous beginning of the id', async (t) => {
  const { store, other, base } = await family(t);
  for (const reference of ['other', 'other:latest', 'docker.io/library/other', other.id, other.id.slice(7), other.id.slice(7, 19), other.id.slice(0, 15), other.id.slice(7, 12)]) assert.equal(store.resolve(reference).id, other.id, reference);
  assert.throws(() => store.resolve('other:none'), { message: 'No such image: other:none' });
  assert.throws(() => store.resolve('absent'), { message: 'No such image: absent:latest' });
  assert.throws(() => store.resolve('0'.repeat(64)), { message: `No such image: sha256:${'0'.repeat(64)}` });
  assert.throws(() => store.resolve(`other@${base.id}`), { message: `No such image: other@${base.id}` });
  assert.throws(() => store.resolve('Bad'), { message: 'invalid reference format: repository name (library/Bad) must be lowercase' });
  assert.throws(() => store.resolve('sha256:'), { code: 'image.invalid_reference' });
});

test('a beginning that several ids have must find none', async (t) => {
  const stores = await openStores(t);
  const layer = await layerOf({ a: 'a' });
  const images = Array.from({ length: 17 }, (_unused, index) => imageOf([layer], { author: String(index) }));
  await load(stores, dockerArchive(images.map((image) => ({ image, tags: [] }))));
  const digit = images.map(({ id }) => id.charAt(7)).find((first, index, all) => all.indexOf(first) !== index) ?? '';
  assert.throws(() => stores.store.resolve(digit), { message: `No such image: ${digit}:latest` });
  await assert.rejects(stores.store.save([digit], { signal: new AbortController().signal }), { message: 'ambiguous digest string' });
});

test('tagging must check names, note the time, and move a name', async (t) => {
  const { store, other, base } = await family(t);
  assert.equal((await store.inspect('other')).Metadata.LastTagTime, '0001-01-01T00:00:00Z');
  const before = Date.now();
  store.tag('other', 'localhost:5000/x/y', 'v2');
  assert.ok(Date.parse((await store.inspect('localhost:5000/x/y:v2')).Metadata.LastTagTime) >= before - 1);
  assert.throws(() => store.tag('other', 'Bad', undefined), { message: 'invalid reference format: repository name (library/Bad) must be lowercase' });
  assert.throws(() => store.tag('other', 'x', 'a/b'), { message: 'invalid tag format' });
  assert.throws(() => store.tag('absent', 'x', undefined), { message: 'No such image: absent:latest' });
  assert.throws(() => store.tag('other', 'sha256', 'x'), { message: 'refusing to create an ambiguous tag using digest algorithm as name' });
  store.tag('other', 'base', 'one');
  assert.deepEqual([store.resolve('base:one').id, store.namesOf(base.id).tags], [other.id, ['base:two']]);
});

test('names and times must survive a restart', async (t) => {
  const stores = await family(t);
  stores.store.tag('other', 'kept', 'x');
  const before = await stores.store.inspect('kept:x');
  const after = await stores.reopen();
  assert.deepEqual(await after.store.inspect('kept:x'), before);
});

test('inspecting must give every field Docker gives, in its place', async (t) => {
  const { store, child, base, dataRoot, layers } = await family(t);
  const inspected = await store.inspect('child');
  const [upper, lower] = layers.directories(store.resolve('child').topLayer ?? '').map(({ name }) => `${dataRoot}/overlay2/${name}`);
  assert.deepEqual(JSON.parse(JSON.stringify(inspected)), {
    Id: child.id,
    RepoTags: ['child:latest'],
    RepoDigests: [],
    Parent: base.id,
    Comment: '',
    Created: '2024-02-01T00:00:00Z',
    DockerVersion: '',
    Author: '',
    Architecture: 'amd64',
    Os: 'linux',
    Size: 9,
    GraphDriver: { Name: 'overlay2', Data: { LowerDir: `${lower}/diff`, MergedDir: `${upper}/merged`, UpperDir: `${upper}/diff`, WorkDir: `${upper}/work` } },
    RootFS: { Type: 'layers', Layers: child.diffIds },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    Config: { Cmd: null, Entrypoint: null, Env: null, Labels: { tier: 'db', 'with space': '' }, OnBuild: null, User: '', Volumes: null, WorkingDir: '' },
  });
  assert.deepEqual(Object.keys(inspected.Config ?? {}), ['Cmd', 'Entrypoint', 'Env', 'Labels', 'OnBuild', 'User', 'Volumes', 'WorkingDir']);
});

test('loading and removing the same layers at once must never lose a layer of an image that stays', async (t) => {
  const stores = await openStores(t);
  const shared = await layerOf({ shared: 'x'.repeat(100_000) });
  const images = await Promise.all(Array.from({ length: 6 }, async (_unused, index) => imageOf([shared, await layerOf({ own: String(index) })])));
  await Promise.all(
    images.map(async (image, index) => {
      for (let round = 0; round < 4; round++) {
        await load(stores, dockerArchive([{ image, tags: [`app:${index}`] }]));
        if (round < 3 || index % 2 === 1) await stores.store.remove(`app:${index}`, { force: false, prune: true, users: nobody });
      }
    }),
  );
  const kept = images.filter((_unused, index) => index % 2 === 0);
  assert.deepEqual((await stores.store.list({ all: true, filters: {}, sharedSize: false })).map(({ Id }) => Id).sort(), kept.map(({ id }) => id).sort());
  for (const { id } of kept) for await (const _chunk of await stores.store.save([id], { signal: new AbortController().signal }));
  assert.equal(stores.layers.list().length, 1 + kept.length);
});
