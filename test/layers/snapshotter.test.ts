/** What every snapshotter must do, run on each of them; and what only one of them does. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Snapshotter } from '#image/contract.ts';
import { createSnapshotter } from '#image/snapshot/snapshotter.ts';
import { getAttribute } from '#kernel/extended-attributes.ts';
import { hasFuseOverlay } from '#kernel/fuse-overlay-mount.ts';
import { isMountPoint, mount, readMounts } from '#kernel/mounts.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { paxBlocks } from './raw-header.ts';
import { archiveOf, describeTree, storeActions, temporaryDirectory, testStore, type TestStore } from './fixtures.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';

const baseArchive = archiveOf(
  { name: 'etc/', type: '5' },
  { name: 'etc/hosts', body: 'from the image' },
  { name: 'etc/passwd', body: 'root' },
  { name: 'etc/mtab', type: '2', linkName: '/etc/passwd' },
  { name: 'bin/', type: '5' },
  { name: 'bin/su', body: 'program', mode: 0o4755, gid: 42, before: paxBlocks({ mtime: '1500000000.987654321', 'SCHILY.xattr.user.note': 'hello' }) },
  { name: 'bin/sudo', type: '1', linkName: 'bin/su', mode: 0o4755, gid: 42, before: paxBlocks({ mtime: '1500000000.987654321' }) },
  { name: 'hidden/', type: '5' },
  { name: 'hidden/a', body: 'a' },
  { name: 'hidden/b', body: 'b' },
  { name: 'removed/', type: '5' },
  { name: 'removed/file', body: 'x' },
  { name: 'lib', type: '2', linkName: 'usr/lib' },
  { name: 'usr/lib/so', body: 'library' },
  { name: 'kind', body: 'a file' },
  { name: 'null', type: '3', major: 1, minor: 3, mode: 0o666 },
);
const topArchive = archiveOf(
  { name: '.wh.removed' },
  { name: 'hidden/', type: '5' },
  { name: 'hidden/.wh..wh..opq' },
  { name: 'hidden/c', body: 'c' },
  { name: 'etc/passwd', body: 'root and more' },
  { name: 'etc/.wh.mtab' },
  { name: 'lib/', type: '5' },
  { name: 'lib/own', body: 'own' },
  { name: 'kind/', type: '5' },
  { name: 'kind/now', body: 'a directory' },
);

interface Fixture extends TestStore {
  readonly snapshotter: Snapshotter & AsyncDisposable;
  readonly top: string;
  again(): Promise<Snapshotter & AsyncDisposable>;
}

async function fixture(driver: Snapshotter['driver']): Promise<Fixture> {
  const layers = testStore();
  const base = await layers.apply(baseArchive);
  const top = (await layers.apply(topArchive, { parent: base.chainId })).chainId;
  const again = async (): Promise<Snapshotter & AsyncDisposable> => await createSnapshotter({ dataRoot: layers.path, driver, layers: layers.store });
  return { ...layers, top, snapshotter: await again(), again };
}

const [one, two] = ['1'.repeat(64), '2'.repeat(64)];

/** The program is not on every machine. */
const drivers: readonly Snapshotter['driver'][] = ['overlay2', ...(hasFuseOverlay() ? ['fuse-overlayfs' as const] : []), 'vfs'];

for (const driver of drivers) {
  describe(`the ${driver} snapshotter`, () => {
    test('must show the layers merged, as they were packed', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const root = await it.snapshotter.mount(one);
      assert.deepEqual(readdirSync(root).sort(), ['.dockerenv', 'bin', 'dev', 'etc', 'hidden', 'kind', 'lib', 'null', 'proc', 'sys', 'usr']);
      assert.deepEqual(readdirSync(`${root}/hidden`), ['c']);
      assert.deepEqual(readdirSync(`${root}/lib`), ['own']);
      assert.deepEqual(readdirSync(`${root}/usr/lib`), ['so']);
      assert.equal(readFileSync(`${root}/kind/now`, 'utf8'), 'a directory');
      assert.equal(readFileSync(`${root}/etc/passwd`, 'utf8'), 'root and more');
      const program = lstatSync(`${root}/bin/su`, { bigint: true });
      assert.deepEqual([program.mode, program.gid, program.nlink, program.mtimeNs], [0o104755n, 42n, 2n, 1_500_000_000_987_654_321n]);
      assert.equal(getAttribute(`${root}/bin/su`, 'user.note')?.toString(), 'hello');
      assert.equal(lstatSync(`${root}/bin/sudo`).ino, Number(program.ino));
      const device = lstatSync(`${root}/null`);
      assert.ok(device.isCharacterDevice());
      assert.equal(device.rdev, 0x103);
    });

    test('must put the files in place that containers have mounted over', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const root = await it.snapshotter.mount(one);
      for (const name of ['.dockerenv', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'dev/console']) {
        const status = lstatSync(`${root}/${name}`);
        assert.ok(status.isFile());
        assert.deepEqual([status.size, status.mode & 0o7777], [0, 0o755], name);
      }
      for (const name of ['dev/pts', 'dev/shm', 'proc', 'sys']) assert.equal(lstatSync(`${root}/${name}`).mode, 0o040755, name);
      assert.equal(readlinkSync(`${root}/etc/mtab`), '/proc/mounts');
      assert.equal(readFileSync(`${root}/etc/passwd`, 'utf8'), 'root and more');
    });

    test('must not follow links of the image when it puts them in place', async () => {
      using it = await fixture(driver);
      using outside = temporaryDirectory();
      const evil = await it.apply(archiveOf({ name: 'dev', type: '2', linkName: outside.path }, { name: 'etc', type: '2', linkName: '../../../../../../../../..' + outside.path }, { name: '.dockerenv', type: '2', linkName: `${outside.path}/x` }));
      await it.snapshotter.create(one, evil.chainId);
      const root = await it.snapshotter.mount(one);
      assert.deepEqual(readdirSync(outside.path), []);
      assert.ok(lstatSync(`${root}/etc/hosts`).isFile());
      assert.ok(lstatSync(`${root}/dev`).isDirectory());
    });

    test('must keep what a container writes, apart from every other container', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      await it.snapshotter.create(two, it.top);
      const [rootOne, rootTwo] = [await it.snapshotter.mount(one), await it.snapshotter.mount(two)];
      writeFileSync(`${rootOne}/new`, 'new');
      writeFileSync(`${rootOne}/etc/passwd`, 'changed');
      rmSync(`${rootOne}/usr/lib`, { recursive: true });
      mkdirSync(`${rootOne}/usr/lib`);
      renameSync(`${rootOne}/bin/su`, `${rootOne}/moved`);
      await it.snapshotter.unmount(one);
      assert.equal(await it.snapshotter.mount(one), rootOne);
      assert.equal(readFileSync(`${rootOne}/new`, 'utf8'), 'new');
      assert.deepEqual(readdirSync(`${rootOne}/usr/lib`), []);
      assert.equal(readFileSync(`${rootOne}/moved`, 'utf8'), 'program');
      assert.equal(existsSync(`${rootTwo}/new`), false);
      assert.equal(readFileSync(`${rootTwo}/etc/passwd`, 'utf8'), 'root and more');
      assert.deepEqual(readdirSync(`${rootTwo}/usr/lib`), ['so']);
    });

    test('must archive the unchanged names of a changed file with it, as links, and tell the changed ones alone', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const root = await it.snapshotter.mount(one);
      linkSync(`${root}/usr/lib/so`, `${root}/hard`);
      linkSync(`${root}/hidden/c`, `${root}/hidden/d`);
      // The copied tree tells what it was given in place of the image's own files, too.
      const changes = (await it.snapshotter.changes(one)).filter(({ path }) => !path.startsWith('/etc'));
      assert.deepEqual(changes.map(({ kind, path }) => `${kind} ${path}`), ['added /hard', 'modified /hidden', 'added /hidden/d']);
      const { bytes } = await it.snapshotter.archiveChanges(one);
      const entries: string[] = [];
      for await (const { entry, body } of readTar(bytes as AsyncIterable<Buffer>)) {
        if (entry.name.startsWith('etc/')) continue;
        entries.push(`${entry.type} ${entry.name} ${entry.linkName || Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>)).toString()}`.trim());
      }
      assert.deepEqual(entries, ['file hard library', 'directory hidden/', 'file hidden/c c', 'hardlink hidden/d hidden/c', 'directory usr/', 'directory usr/lib/', 'hardlink usr/lib/so hard']);
    });

    test('must give an image without layers an empty root', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, undefined);
      const root = await it.snapshotter.mount(one);
      assert.deepEqual(readdirSync(root).sort(), ['.dockerenv', 'dev', 'etc', 'proc', 'sys']);
      assert.deepEqual(await it.snapshotter.usage(one), { writable: 0, total: 0 });
      assert.equal(statSync(root).mode, 0o040755);
    });

    test('must count what a container wrote, and with it all layers', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const layers = it.store.list().reduce((sum, { size }) => sum + size, 0);
      assert.deepEqual(await it.snapshotter.usage(one), { writable: 0, total: layers });
      const root = await it.snapshotter.mount(one);
      assert.deepEqual(await it.snapshotter.usage(one), { writable: 0, total: layers });
      writeFileSync(`${root}/five`, '12345');
      writeFileSync(`${root}/etc/passwd`, '123');
      symlinkSync('1234567', `${root}/link`);
      assert.deepEqual(await it.snapshotter.usage(one), { writable: 15, total: layers + 15 });
      await it.snapshotter.unmount(one);
      assert.deepEqual(await it.snapshotter.usage(one), { writable: 15, total: layers + 15 });
    });

    test('must mount once and tell whether it is mounted', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      assert.equal(it.snapshotter.isMounted(one), false);
      assert.equal(it.snapshotter.isMounted(two), false);
      const roots = await Promise.all([it.snapshotter.mount(one), it.snapshotter.mount(one), it.snapshotter.mount(one)]);
      assert.equal(new Set(roots).size, 1);
      assert.equal(it.snapshotter.isMounted(one), true);
      assert.ok(readMounts().filter(({ mountPoint }) => mountPoint === roots[0]).length <= 1);
      await it.snapshotter.unmount(one);
      await it.snapshotter.unmount(one);
      await it.snapshotter.unmount(two);
      assert.equal(it.snapshotter.isMounted(one), false);
      assert.equal(isMountPoint(roots[0] ?? ''), false);
    });

    test('must remove a container with all it has, mounted or not, and no other', async () => {
      using it = await fixture(driver);
      const before = filesOf(it.path);
      await it.snapshotter.create(one, it.top);
      const made = filesOf(it.path);
      await it.snapshotter.create(two, it.top);
      const root = await it.snapshotter.mount(two);
      mkdirSync(`${root}/a/b`, { recursive: true });
      writeFileSync(`${root}/a/b/c`, 'x');
      chmodSync(`${root}/a`, 0);
      await it.snapshotter.remove(two);
      await it.snapshotter.remove(two);
      await it.snapshotter[Symbol.asyncDispose]();
      assert.deepEqual(filesOf(it.path), made);
      assert.throws(() => it.snapshotter.describe(two), { code: 'snapshot.not_found' });
      await assert.rejects(it.snapshotter.mount(two), { code: 'snapshot.not_found' });
      await it.snapshotter.remove(one);
      await it.snapshotter[Symbol.asyncDispose]();
      // The init layer of the image stays for the next container.
      assert.deepEqual(filesOf(it.path).filter((path) => !/-init$|\/l\//.test(path)), before.filter((path) => !path.includes('/l/')));
    });

    // A program's file system knows files by their paths.
    if (driver !== 'fuse-overlayfs') test('must remove trees deeper than paths can be', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const root = await it.snapshotter.mount(one);
      const script = 'cd "$0"; i=0; while [ $i -lt 300 ]; do mkdir deeeeeeeeeeeeeeeeeep && cd -P deeeeeeeeeeeeeeeeeep || exit 1; i=$((i+1)); done; echo x > file';
      assert.equal(spawnSync('sh', ['-c', script, root]).status, 0);
      assert.ok((await it.snapshotter.usage(one)).writable >= 0);
      await it.snapshotter.remove(one);
      await it.snapshotter[Symbol.asyncDispose]();
      assert.equal(existsSync(root), false);
      assert.deepEqual(readdirSync(`${it.path}/${driver === 'vfs' ? 'vfs' : 'overlay2'}/.removing`), []);
    });

    test('must refuse a second snapshot of one container and unknown ones', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      await assert.rejects(it.snapshotter.create(one, it.top), { code: 'snapshot.exists' });
      await assert.rejects(it.snapshotter.create(two, `sha256:${'0'.repeat(64)}`), { code: 'layer.not_found' });
      await it.snapshotter.create(two, it.top);
      assert.ok(existsSync(await it.snapshotter.mount(one)));
    });

    test('must know its containers when opened again', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      const root = await it.snapshotter.mount(one);
      writeFileSync(`${root}/f`, '12345');
      const again = await it.again();
      await again.repair(new Set([one]), new Set([one]));
      assert.equal(again.isMounted(one), true);
      assert.equal(await again.mount(one), root);
      assert.deepEqual(again.describe(one), it.snapshotter.describe(one));
      assert.equal((await again.usage(one)).writable, 5);
    });

    test('must repair: remove what belongs to no container, unmount what does not run', async () => {
      using it = await fixture(driver);
      await it.snapshotter.create(one, it.top);
      await it.snapshotter.mount(one);
      const kept = filesOf(it.path);
      const gone = '3'.repeat(64);
      for (const id of [two, gone]) await it.snapshotter.create(id, it.top);
      const stopped = await it.snapshotter.mount(two);
      await it.snapshotter.mount(gone);
      const afterTwo = filesOf(it.path).filter((path) => !kept.includes(path));
      // As after a crash while making and while removing.
      const home = driver === 'vfs' ? `${it.path}/vfs/dir` : `${it.path}/overlay2`;
      mkdirSync(`${home}/${'ef'.repeat(32)}/diff`, { recursive: true });
      for (const name of ['.preparing', '.removing']) mkdirSync(`${driver === 'vfs' ? `${it.path}/vfs` : home}/${name}/${'ab'.repeat(32)}/diff`, { recursive: true });
      const again = await it.again();
      await it.store.repair();
      await again.repair(new Set([one, two]), new Set([one]));
      assert.equal(again.isMounted(one), true);
      assert.equal(again.isMounted(two), false);
      assert.equal(isMountPoint(stopped), false);
      const left = filesOf(it.path).filter((path) => !kept.includes(path));
      assert.ok(left.length > 0 && left.every((path) => afterTwo.includes(path)));
      await again.remove(two);
      await again[Symbol.asyncDispose]();
      assert.deepEqual(filesOf(it.path), kept);
    });

    test('must serve many containers at once', async () => {
      using it = await fixture(driver);
      const ids = Array.from({ length: 20 }, (_, index) => index.toString(16).padStart(64, 'a'));
      const roots = await Promise.all(
        ids.map(async (id) => {
          await it.snapshotter.create(id, it.top);
          return await it.snapshotter.mount(id);
        }),
      );
      for (const [index, root] of roots.entries()) writeFileSync(`${root}/id`, ids[index] ?? '');
      for (const [index, root] of roots.entries()) assert.equal(readFileSync(`${root}/id`, 'utf8'), ids[index]);
      assert.equal(filesOf(it.path).filter((path) => path.endsWith('-init')).length, driver === 'vfs' ? 0 : 1);
      await Promise.all(ids.map((id) => it.snapshotter.remove(id)));
      assert.ok(roots.every((root) => !existsSync(root)));
    });
  });
}

/** Paths of layers, snapshots and records, without the directories that hold them. */
function filesOf(dataRoot: string): string[] {
  const folders = ['overlay2', 'overlay2/l', 'vfs/dir', 'image/overlay2/layerdb/mounts', 'image/vfs/layerdb/mounts', 'overlay2/.removing', 'overlay2/.preparing', 'vfs/.removing', 'vfs/.preparing'];
  const names = folders.flatMap((folder) => (existsSync(`${dataRoot}/${folder}`) ? readdirSync(`${dataRoot}/${folder}`).map((name) => `${folder}/${name}`) : []));
  return names.filter((name) => !/^overlay2\/(l|\.[a-z]+)$/.test(name)).sort();
}

test('overlay2 must describe a container as Docker does', async () => {
  using it = await fixture('overlay2');
  await it.snapshotter.create(one, it.top);
  const { Name, Data } = it.snapshotter.describe(one);
  assert.equal(Name, 'overlay2');
  const home = `${it.path}/overlay2/`;
  const name = Data?.['MergedDir']?.slice(home.length).replace(/\/merged$/, '') ?? '';
  assert.match(name, /^[0-9a-f]{64}$/);
  const [init, ...layers] = (Data?.['LowerDir'] ?? '').split(':');
  assert.match(init ?? '', new RegExp(`^${home}[0-9a-f]{64}-init/diff$`));
  assert.deepEqual(layers, it.store.directories(it.top).map((layer) => `${home}${layer.name}/diff`));
  assert.deepEqual(Data, { ID: one, LowerDir: Data?.['LowerDir'], MergedDir: `${home}${name}/merged`, UpperDir: `${home}${name}/diff`, WorkDir: `${home}${name}/work` });
  for (const path of [...layers, init, Data?.['MergedDir'], Data?.['UpperDir'], Data?.['WorkDir']]) assert.ok(existsSync(path ?? ''), path);
  assert.deepEqual(readdirSync(`${home}${name}`).sort(), ['diff', 'link', 'lower', 'merged', 'work']);
  assert.equal(await it.snapshotter.mount(one), `${home}${name}/merged`);
});

test('what overlay2 puts in place must not be among what a container wrote', async () => {
  using it = await fixture('overlay2');
  await it.snapshotter.create(one, it.top);
  const root = await it.snapshotter.mount(one);
  chownSync(`${root}/etc/passwd`, 5, 5);
  const upper = it.snapshotter.describe(one).Data?.['UpperDir'] ?? '';
  assert.deepEqual(Object.keys(describeTree(upper)), ['etc', 'etc/passwd']);
});

test('overlay2 must mount with the options that Docker mounts with, the first time too', async () => {
  using it = await fixture('overlay2');
  await it.snapshotter.create(one, it.top);
  const root = await it.snapshotter.mount(one);
  const home = `${it.path}/overlay2`;
  const lower = readFileSync(`${home}/${root.split('/').at(-2)}/lower`, 'utf8').split(':').map((link) => `${home}/${link}`);
  const { superOptions = [], source, type } = readMounts().find(({ mountPoint }) => mountPoint === root) ?? {};
  assert.deepEqual([source, type], ['overlay', 'overlay']);
  assert.deepEqual(superOptions, ['rw', `lowerdir=${lower.join(':')}`, `upperdir=${root.replace(/merged$/, 'diff')}`, `workdir=${root.replace(/merged$/, 'work')}`]);
});

test('vfs must describe a container as Docker does', async () => {
  using it = await fixture('vfs');
  await it.snapshotter.create(one, it.top);
  assert.deepEqual(it.snapshotter.describe(one), { Name: 'vfs', Data: null });
  assert.match(await it.snapshotter.mount(one), /\/vfs\/dir\/[0-9a-f]{64}$/);
});

test('overlay2 must mount as many layers as there may be, whatever the data root is called', async () => {
  for (const name of ['plain', 'with:colon,comma\\and space']) {
    using directory = temporaryDirectory();
    const dataRoot = `${directory.path}/${name}/${'long'.repeat(20)}`;
    mkdirSync(dataRoot, { recursive: true });
    const store = createLayerStore({ dataRoot });
    const { apply } = storeActions(store, dataRoot);
    let parent: string | undefined;
    for (let depth = 0; depth < 127; depth++) {
      const layer = await apply(archiveOf({ name: `layer${depth}`, body: 'x' }), parent === undefined ? {} : { parent });
      parent = layer.chainId;
    }
    const before = process.cwd();
    const snapshotter = await createSnapshotter({ dataRoot, layers: store });
    assert.equal(snapshotter.driver, 'overlay2');
    await snapshotter.create(one, parent);
    const root = await snapshotter.mount(one);
    assert.equal(readdirSync(root).filter((entry) => entry.startsWith('layer')).length, 127);
    assert.equal(snapshotter.isMounted(one), true);
    assert.equal(process.cwd(), before);
    const again = await createSnapshotter({ dataRoot, layers: store });
    await again.repair(new Set([one]), new Set());
    assert.equal(isMountPoint(root), false);
    await again.remove(one);
    await again[Symbol.asyncDispose]();
  }
});

test('where overlay cannot be mounted, layers must be copied, and overlay2 be refused when asked for', async () => {
  using directory = temporaryDirectory();
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(`${directory.path}/${name}`);
  const at = (name: string): string => `${directory.path}/${name}`;
  mount({ source: 'overlay', target: at('merged'), type: 'overlay', data: `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}` });
  const dataRoot = at('merged');
  const store = createLayerStore({ dataRoot });
  const { apply } = storeActions(store, dataRoot);
  const base = await apply(baseArchive);
  const top = await apply(topArchive, { parent: base.chainId });
  await assert.rejects(createSnapshotter({ dataRoot, driver: 'overlay2', layers: store }), { code: 'snapshot.overlay_unsupported' });
  const snapshotter = await createSnapshotter({ dataRoot, layers: store });
  assert.equal(snapshotter.driver, 'vfs');
  await snapshotter.create(one, top.chainId);
  const root = await snapshotter.mount(one);
  assert.deepEqual(readdirSync(`${root}/hidden`), ['c']);
  assert.equal(existsSync(`${root}/removed`), false);
  assert.deepEqual(readdirSync(dataRoot).sort(), ['image', 'overlay2', 'vfs']);
  await snapshotter[Symbol.asyncDispose]();
});

test('vfs must copy large files and leave the layer as it is', async () => {
  using it = testStore();
  const layer = await it.apply(archiveOf({ name: 'large', body: Buffer.alloc(5_000_000, 'abc') }));
  const snapshotter = await createSnapshotter({ dataRoot: it.path, driver: 'vfs', layers: it.store });
  await snapshotter.create(one, layer.chainId);
  const root = await snapshotter.mount(one);
  truncateSync(`${root}/large`, 10);
  assert.equal(statSync(`${it.tree(layer.chainId)}/large`).size, 5_000_000);
  assert.equal((await it.archive(layer.chainId)).length, it.store.tarLength(layer.chainId));
});
