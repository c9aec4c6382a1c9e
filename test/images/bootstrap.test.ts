/** Needs a Debian host whose apt can reach a mirror, as bootstrapping itself does. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import test from 'node:test';
import { bootstrapNameOf, bootstrapTarget } from '#image/bootstrap/bootstrap-target.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { assertNothingStays, filesIn, messagesOf, never, openStores } from './image-fixture.ts';

test('busybox must be made from the distribution with every command, the usual directories and a shell to start', async (t) => {
  const stores = await openStores(t);
  const messages = await messagesOf(stores.store.bootstrap('docker.io/library/busybox', { signal: never }));
  const image = stores.store.resolve('busybox');
  assert.deepEqual(messages.slice(-2), [{ status: image.id }, { status: 'Status: Bootstrapped busybox:latest' }]);
  assert.deepEqual([image.config.Cmd, image.config.Env], [['sh'], ['PATH=/bin:/usr/bin:/usr/sbin']]);
  const archive = await filesIn(await stores.store.save(['busybox'], { signal: never }));
  const layer = archive.get(`blobs/sha256/${(image.layers[0] ?? '').slice(7)}`) ?? Buffer.alloc(0);
  const entries = new Map<string, { type: string; mode: number; linkName: string; text: string }>();
  for await (const { entry, body } of readTar(Readable.from([layer]))) {
    const text = entry.name.startsWith('./etc/') ? String(await buffer(body)) : '';
    entries.set(entry.name, { type: entry.type, mode: entry.mode, linkName: entry.linkName, text });
  }
  assert.deepEqual([entries.get('./bin/busybox')?.type, entries.get('./bin/busybox')?.mode], ['file', 0o755]);
  for (const applet of ['sh', 'ls', 'cat', 'ip', '[', 'tar']) assert.deepEqual([entries.get(`./bin/${applet}`)?.type, entries.get(`./bin/${applet}`)?.linkName], ['symlink', 'busybox'], applet);
  for (const directory of ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'tmp', 'usr/bin', 'usr/sbin', 'var/log']) assert.equal(entries.get(`./${directory}/`)?.type, 'directory', directory);
  assert.equal(entries.get('./tmp/')?.mode, 0o1777);
  assert.match(entries.get('./etc/passwd')?.text ?? '', /^root:x:0:0:.*\nnobody:x:65534:65534:/);
  assert.match(entries.get('./etc/group')?.text ?? '', /^root:x:0:\n/);
});

test('what cannot be bootstrapped must be refused, naming what can', async (t) => {
  const stores = await openStores(t);
  for (const name of ['alpine', 'busybox:1.36', 'debian:potato', 'registry.example/busybox']) {
    await assert.rejects(messagesOf(stores.store.bootstrap(name, { signal: never })), {
      code: 'image.bootstrap_unknown',
      message: `cannot bootstrap ${JSON.stringify(name)}: only busybox, debian:bookworm, debian:trixie, debian:sid can be made from the distribution's packages`,
    });
  }
  await assertNothingStays(stores);
});

test('an abort must stop the programs and leave nothing', async (t) => {
  const stores = await openStores(t);
  const abort = new AbortController();
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const { status } of stores.store.bootstrap('debian:trixie', { signal: abort.signal })) {
      seen.push(status ?? '');
      if (status === 'running apt-get update...') abort.abort(new Error('enough'));
    }
  }, { message: 'enough' });
  assert.ok(seen.includes('Installing Debian trixie'));
  await assertNothingStays(stores);
});

test('every spelling of a name must lead to the same image', () => {
  for (const name of ['busybox', 'busybox:latest', 'docker.io/library/busybox', 'index.docker.io/busybox']) assert.equal(bootstrapTarget(name).kind, 'busybox', name);
  const debian = bootstrapTarget('debian');
  assert.deepEqual(debian.kind === 'debian' ? [debian.suite, debian.name.tag] : undefined, ['trixie', 'latest']);
  assert.equal(bootstrapNameOf('debian:sid'), 'debian:sid');
  assert.equal(bootstrapNameOf('debian:latest'), 'debian');
  assert.equal(bootstrapNameOf('Bad Name'), undefined);
});
