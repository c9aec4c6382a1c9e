import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { isMountPoint, unmount } from '#kernel/mounts.ts';
import { StateDatabase } from '#store/state-database.ts';
import { createLocalVolumeStore } from './local-volume-store.ts';

function scratch(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'dhow-volumes-'));
  const database = new StateDatabase(join(root, 'state.db'));
  const events: string[] = [];
  const open = () => createLocalVolumeStore({ directory: join(root, 'volumes'), database, onEvent: (action, { name }) => events.push(`${action} ${name}`) });
  const store = open();
  t.after(() => {
    for (const { mountpoint } of store.list()) unmount(mountpoint);
    database[Symbol.dispose]();
    rmSync(root, { recursive: true, force: true });
  });
  return { store, open, events };
}

test('a volume must be made once, found again by a new engine, and go with its content', async (t) => {
  const { store, open, events } = scratch(t);
  const volume = store.create({ name: 'data', options: null, labels: { a: 'b' } });
  assert.deepEqual([volume.driver, volume.labels, volume.options], ['local', { a: 'b' }, null]);
  assert.equal(store.create({ name: 'data', options: null, labels: null }).createdAt, volume.createdAt);
  writeFileSync(join(volume.mountpoint, 'file'), '12345');
  assert.equal(await open().size('data'), 5);
  await store.remove('data');
  assert.equal(existsSync(volume.mountpoint), false);
  assert.deepEqual(events, ['create data', 'destroy data']);
  assert.equal(store.get('data'), undefined);
});

test('bad names and options must be refused with Docker’s texts and leave nothing', (t) => {
  const { store } = scratch(t);
  const create = (name: string, options: Record<string, string> | null = null) => () => store.create({ name, options, labels: null });
  assert.throws(create('a'), { message: 'create a: volume name is too short, names should be at least two alphanumeric characters' });
  assert.throws(create('../up'), /create \.\.\/up: "\.\.\/up" includes invalid characters for a local volume name/);
  assert.throws(create('ok', { bogus: '1' }), { message: 'create ok: invalid option: "bogus"' });
  assert.throws(create('ok', { type: 'tmpfs' }), { message: 'create ok: missing required option: "device"' });
  const long = 'a'.repeat(300);
  assert.throws(create(long), { message: new RegExp(`^create ${long}: error while creating volume root path '(.*/${long})': mkdir \\1: file name too long$`) });
  assert.deepEqual(store.list(), []);
});

test('a volume with a device must be mounted while somebody uses it, and only then', async (t) => {
  const { store } = scratch(t);
  const { mountpoint } = store.create({ name: 'memory', options: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=77,ro' }, labels: null });
  await store.mount('memory', 'one');
  await store.mount('memory', 'two');
  assert.equal(statSync(mountpoint).uid, 77);
  await store.unmount('memory', 'one');
  assert.equal(isMountPoint(mountpoint), true);
  await store.unmount('memory', 'two');
  assert.equal(isMountPoint(mountpoint), false);
  store.create({ name: 'lost', options: { type: 'none', device: '/no/such/place', o: 'bind' }, labels: null });
  await assert.rejects(store.mount('lost', 'one'), /failed to mount local volume: mount \/no\/such\/place:.*, flags: 0x1000: no such file or directory/);
});

test('a removal or a making that a crash cut short must be finished by the next engine', async (t) => {
  const { store, open } = scratch(t);
  const [removed, made, kept] = ['removed', 'made', 'kept'].map((name) => store.create({ name, options: null, labels: null }));
  const directoryOf = (volume: typeof removed): string => join(volume?.mountpoint ?? '', '..');
  // The directory was moved away, the record was not deleted yet.
  renameSync(directoryOf(removed), join(directoryOf(removed), '../.removed-0123456789ab-removed'));
  // The record was written, the directory not made yet.
  rmSync(directoryOf(made), { recursive: true });
  const next = open();
  await next.repair(new Map());
  assert.deepEqual(next.list().map(({ name }) => name), ['kept', 'made']);
  assert.deepEqual(readdirSync(join(directoryOf(kept), '..')).toSorted(), ['kept', 'made']);
  assert.deepEqual(open().list().map(({ name }) => name), ['kept', 'made']);
});
