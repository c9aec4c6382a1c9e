/** The budget of the build cache: what is over goes after builds, by the rules of `builder.gc`. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { runCli } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('after a build the cache must shrink to what its rules let stay, the oldest first', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-collection-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'daemon.json');
  writeFileSync(file, JSON.stringify({ builder: { gc: { enabled: true, policy: [{ all: true, maxUsedSpace: '3MB', filter: ['type=regular'] }] } } }));
  await using daemon = await TestDaemon.start({ arguments: ['--config-file', file] });
  const context = join(directory, 'context');
  mkdirSync(context);
  for (const name of ['first', 'second']) {
    writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nRUN head -c 2097152 /dev/zero > /${name}\nRUN --mount=type=cache,target=/kept echo ${name} > /kept/file\n`);
    const built = await runCli(['build', '-o', 'type=cacheonly', context], { program: 'dhow', socketPath: daemon.socket });
    assert.equal(built.code, 0, built.stderr);
  }
  const kept = async (): Promise<string[]> => ((await daemon.client.system.diskUsage(['build-cache']))['BuildCache'] as { Description: string }[]).map(({ Description }) => Description).sort();
  await eventually('the first build’s layer is collected', async () => {
    const names = await kept();
    assert(!names.some((name) => name.includes('/first')), names.join('\n'));
  }, 60_000);
  const names = await kept();
  assert(names.some((name) => name.includes('/second')), names.join('\n'));
  assert(names.some((name) => name.startsWith('cached mount')), 'the rule is about layers alone');
  const archive = join(directory, 'mount.tar');
  const exported = await runCli(['builder', 'export-mount', '/kept', '-o', archive], { program: 'dhow', socketPath: daemon.socket });
  assert.equal(exported.code, 0, exported.stderr);
  assert(readFileSync(archive).includes('second\n'));
  const missing = await runCli(['builder', 'export-mount', '/other'], { program: 'dhow', socketPath: daemon.socket });
  assert.deepEqual([missing.code, missing.stderr.includes('no cache mount is kept by the id /other')], [1, true], missing.stderr);
});

test('a budget that cannot be read must be refused at the start', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-collection-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'daemon.json');
  writeFileSync(file, JSON.stringify({ builder: { gc: { defaultKeepStorage: 'plenty' } } }));
  await assert.rejects(async () => {
    await using _daemon = await TestDaemon.start({ arguments: ['--config-file', file], image: false });
  }, /failed to parse builder\.gc: "plenty"/);
});
