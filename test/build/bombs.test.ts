/** Archives that are made to fill the disk: every door of builds stops them, says so and leaves nothing. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ApiError } from '#client/client-error.ts';
import type { Query } from '#client/query.ts';
import { encodeHeader } from '#oci/tar/header-encoder.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import { runCli } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { SourceServer } from '../fixtures/source-server.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { mountFilesystem } from '../images/small-disk.ts';

const mebibyte = 1024 * 1024;
const zeros = gzipSync(Buffer.alloc(16 * mebibyte));
/** A gibibyte, on a disk of 192 MiB that keeps a twentieth. */
const bomb = Buffer.concat([gzipSync(encodeHeader({ name: 'zeros', type: 'file', mode: 0o644, size: 1024 * mebibyte })), ...Array.from({ length: 64 }, () => zeros)]);
const dockerfile = 'FROM busybox\nADD bomb.tgz /here/\n';
const stopped = (name: string, remedy: string): RegExp =>
  new RegExp(`unpacking ${name} was stopped, and what came of it was removed: it becomes \\d+ bytes so far, of \\d+, and leaves \\d+ bytes of the disk free, less than the 100663\\d\\d that are kept from archives like it; where that is meant, ${remedy}`);
const stoppedContext = stopped('the context', 'give the build a directory, or an archive that is not compressed');
const stoppedStep = stopped('bomb\\.tgz', 'COPY the archive and unpack it by a RUN');

let daemon: TestDaemon;
let server: SourceServer;
before(async () => {
  server = await SourceServer.start();
  daemon = await TestDaemon.start({
    prepare: ({ dataRoot }) => {
      mkdirSync(dataRoot);
      mountFilesystem(dataRoot, 192 * mebibyte);
    },
  });
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function post(context: Buffer, query: Query = {}): Promise<string> {
  let told = '';
  for await (const { errorDetail } of await daemon.client.builds.build((async function* () { yield context; })(), { query })) told = errorDetail?.message ?? told;
  return told;
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(daemon.dataRoot);
  return bavail * bsize;
}

/** Runs a build that must fail, and sees that the disk is as free as before but for a record or a kept file. */
async function leavingNothing(work: () => Promise<void>): Promise<void> {
  const free = freeBytes();
  await work();
  await eventually('nothing of a build is left', () => {
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds', 'solves')), []);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds')).filter((name) => name.startsWith('build-')), []);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'containers')), []);
    assert.ok(freeBytes() > free - 8 * mebibyte, `${free - freeBytes()} bytes are gone`);
  });
}

test('a context that inflates past the disk must be refused at each door', async () => {
  await leavingNothing(async () => {
    await assert.rejects(post(bomb), (error) => error instanceof ApiError && error.status === 400 && stoppedContext.test(error.message));
  });
  server.files.set('/bomb.tgz', { body: bomb, headers: { 'Content-Type': 'application/gzip' } });
  await leavingNothing(async () => {
    assert.match(await post(Buffer.alloc(1024), { remote: `${server.url}/bomb.tgz` }), stoppedContext);
  });
  await leavingNothing(async () => {
    const { code, stderr } = await runCli(['build', '--progress', 'plain', `${server.url}/bomb.tgz`], { program: 'dhow', socketPath: daemon.socket });
    assert.equal(code, 1);
    assert.match(stderr, stoppedContext);
  });
});

test('an archive that ADD unpacks past the disk must fail its step, in both builders', async (t) => {
  const context = Buffer.concat(await Array.fromAsync(writeTar([
    { header: { name: 'Dockerfile', type: 'file', mode: 0o644 }, body: Buffer.from(dockerfile) },
    { header: { name: 'bomb.tgz', type: 'file', mode: 0o644 }, body: bomb },
  ])));
  const images = await daemon.client.images.list({ all: true });
  await leavingNothing(async () => assert.match(await post(context), stoppedStep));
  const directory = mkdtempSync(join(tmpdir(), 'dhow-context-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  writeFileSync(join(directory, 'bomb.tgz'), bomb);
  await leavingNothing(async () => {
    const { code, stderr } = await runCli(['build', '--progress', 'plain', directory], { program: 'dhow', socketPath: daemon.socket });
    assert.equal(code, 1);
    assert.match(stderr, stoppedStep);
  });
  assert.deepEqual(await daemon.client.images.list({ all: true }), images);
  assert.equal((await daemon.run(['echo', 'goes on'])).output, 'goes on\n');
});
