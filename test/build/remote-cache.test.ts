/** Caches of builds that go to other machines and come back: directories, registries, images. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { runCli, type CliResult } from '../cli/run-cli.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { RegistryProcess } from '../registry-server/registry-process.ts';

let maker: TestDaemon;
let taker: TestDaemon;
let registry: RegistryProcess;
before(async () => {
  [maker, taker, registry] = await Promise.all([TestDaemon.start(), TestDaemon.start({ image: false }), RegistryProcess.start()]);
  const directory = mkdtempSync(join(tmpdir(), 'dhow-base-'));
  try {
    for (const [words, on] of [[['save', '-o', join(directory, 'base.tar'), 'busybox'], maker], [['load', '-i', join(directory, 'base.tar')], taker]] as const) await run(words, on);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
after(async () => {
  for (const opened of [maker, taker, registry]) await opened[Symbol.asyncDispose]();
});

async function run(words: readonly string[], on: TestDaemon): Promise<CliResult> {
  const result = await runCli(words, { program: 'dhow', socketPath: on.socket });
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** A context with a stage of its own and a `place` for caches beside it. */
function contextOf(t: TestContext, word: string): { context: string; place: string } {
  const root = mkdtempSync(join(tmpdir(), 'dhow-cache-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const context = join(root, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'file'), word);
  writeFileSync(join(context, 'Dockerfile'), `FROM busybox AS first\nCOPY file /in\nRUN echo ${word} > /made; date +%N >> /made\nFROM busybox\nRUN echo second-${word} > /second\nCOPY --from=first /made /\n`);
  return { context, place: join(root, 'cache') };
}

/** How the steps of a build ended, by their instruction. */
async function build(context: string, words: readonly string[], on: TestDaemon): Promise<Record<string, string>> {
  const { stderr } = await run(['build', '--progress', 'plain', ...words, context], on);
  const names = new Map<string, string>();
  const ends: Record<string, string> = {};
  for (const [, number = '', text = ''] of stderr.matchAll(/^#(\d+) (.*)$/gm)) {
    const name = /^\[[^\]]*\d\/\d\] (RUN echo \w+|COPY \S+|FROM)/.exec(text)?.[1];
    if (name !== undefined) names.set(number, name);
    const end = /^(?:DONE|CACHED|ERROR)/.exec(text)?.[0];
    if (end !== undefined && names.has(number)) ends[names.get(number) ?? ''] = end;
  }
  delete ends['FROM'];
  return ends;
}

async function forget(): Promise<void> {
  await run(['builder', 'prune', '-af'], taker);
  await run(['image', 'prune', '-f'], taker);
}

test('a cache in a directory must spare another machine every step of every stage', async (t) => {
  const { context, place } = contextOf(t, 'directory');
  const made = await build(context, ['--cache-to', `type=local,dest=${place},mode=max`], maker);
  assert.deepEqual(new Set(Object.values(made)), new Set(['DONE']));
  assert.deepEqual(new Set(Object.values(await build(context, ['--cache-from', `type=local,src=${place}`], taker))), new Set(['CACHED']));
  const layers = (): string[] => readdirSync(join(place, 'blobs/sha256')).filter((name) => readFileSync(join(place, 'blobs/sha256', name))[0] === 0x1f);
  const before = layers();
  // The same again adds no layer, another tag stands beside the first.
  await build(context, ['--cache-to', `type=local,dest=${place},mode=max,tag=other`], maker);
  assert.deepEqual(layers(), before);
  for (const form of ['image-manifest=false', 'oci-mediatypes=false']) {
    await forget();
    await build(context, ['--cache-to', `type=local,dest=${place}-${form},mode=max,${form}`], maker);
    assert.deepEqual(new Set(Object.values(await build(context, ['--cache-from', `type=local,src=${place}-${form}`], taker))), new Set(['CACHED']), form);
  }
  const { manifests } = JSON.parse(readFileSync(join(place, 'index.json'), 'utf8')) as { manifests: { annotations: Record<string, string> }[] };
  assert.deepEqual(manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name']), ['latest', 'other']);
});

test('a cache in a registry must do so too, whatever its form; the least of it has the steps of the image alone', async (t) => {
  const { context } = contextOf(t, 'registry');
  const reference = `${new URL(registry.url).host}/cache`;
  for (const form of ['mode=max', 'mode=max,compression=zstd,force-compression=true']) {
    await forget();
    await build(context, ['--cache-to', `type=registry,ref=${reference}:max,${form}`], maker);
    assert.deepEqual(new Set(Object.values(await build(context, ['--cache-from', `${reference}:max`], taker))), new Set(['CACHED']), form);
  }
  await forget();
  await build(context, ['--cache-to', `type=registry,ref=${reference}:min`], maker);
  const { 'RUN echo second': second, 'RUN echo registry': first } = await build(context, ['--cache-from', `${reference}:min`], taker);
  assert.deepEqual([second, first], ['CACHED', 'DONE']);
});

test('an image must bring its own cache', async (t) => {
  const { context } = contextOf(t, 'inline');
  const reference = `${new URL(registry.url).host}/inline:1`;
  await build(context, ['--cache-to', 'type=inline', '-t', reference, '--push'], maker);
  await forget();
  assert.equal((await build(context, ['--cache-from', reference], taker))['RUN echo second'], 'CACHED');
  // Also one that is here already.
  await run(['pull', '-q', reference], taker);
  await run(['tag', reference, 'local:inline'], taker);
  await run(['builder', 'prune', '-af'], taker);
  assert.equal((await build(context, ['--cache-from', 'local:inline'], taker))['RUN echo second'], 'CACHED');
});

test('what is no cache, or a damaged one, must be told and hinder nothing', async (t) => {
  const { context, place } = contextOf(t, 'damaged');
  await build(context, ['--cache-to', `type=local,dest=${place},mode=max`], maker);
  await forget();
  for (const name of readdirSync(join(place, 'blobs/sha256'))) {
    const path = join(place, 'blobs/sha256', name);
    const bytes = readFileSync(path);
    // Documents stay, layers are cut short.
    if (bytes[0] === 0x1f) writeFileSync(path, bytes.subarray(0, bytes.length - 20));
  }
  const { stderr } = await run(['build', '--progress', 'plain', '--cache-from', `type=local,src=${place}`, '--cache-from', `${new URL(registry.url).host}/none`, context], taker);
  assert.match(stderr, /importing cache manifest from .*\/none\n#\d+ ERROR: failed to configure registry cache importer: /);
  assert.match((await run(['build', '--cache-from', 'type=local,src=/nonexistent/cache', context], taker)).stderr, /WARNING: local cache import at \/nonexistent\/cache not found/);
  const unknown = await runCli(['build', '--cache-to', 'type=tape', context], { program: 'dhow', socketPath: taker.socket });
  assert.deepEqual([unknown.code, /unknown cache exporter: "tape"/.test(unknown.stderr)], [1, true], unknown.stderr);
  const refused = ['build', '--no-cache', '--cache-to', 'type=registry,ref=127.0.0.1:1/refused'];
  assert.equal((await runCli([...refused, context], { program: 'dhow', socketPath: taker.socket })).code, 1);
  await run(['build', '--no-cache', '--cache-to', 'type=registry,ref=127.0.0.1:1/refused,ignore-error=true', context], taker);
});

test('the classic builder must find steps in the images that are named, and in those alone', async (t) => {
  const { context, place } = contextOf(t, 'classic');
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nENV A=b\nRUN echo classic > /made\nCOPY file /in\nCMD ["cat", "/made"]\n');
  const classic = async (words: readonly string[], on: TestDaemon): Promise<string> => {
    const result = await runCli(['build', ...words, context], { program: 'dhow', socketPath: on.socket, environment: { DOCKER_BUILDKIT: '0' } });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  await classic(['-t', 'classic:1'], maker);
  await run(['save', '-o', place, 'classic:1'], maker);
  await run(['load', '-i', place], taker);
  const found = await classic(['-t', 'classic:2', '--cache-from', 'classic:1', '--cache-from', 'not:there'], taker);
  assert.equal(found.match(/Using cache/g)?.length, 4, found);
  const [one, two] = await Promise.all(['classic:1', 'classic:2'].map(async (name) => await taker.client.images.inspect(name)));
  assert.equal(two?.Id, one?.Id);
  const other = await classic(['--cache-from', 'busybox'], taker);
  assert(!other.includes('Using cache'), other);
});
