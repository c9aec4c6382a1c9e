/** Whatever images go through, and wherever the daemon is killed, every file has an owner and the sizes are those of `du`. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { runCli } from '../cli/run-cli.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { imageOf, layerOf } from '../images/image-fixture.ts';
import { startRegistry } from '../images/registry-fixture.ts';
import { assertOwned } from './storage-ownership.ts';
import { seededRandom } from './storm/random.ts';

const seed = Number(process.env['DHOW_STORAGE_SEED'] ?? randomInt(1_000_000_000));
const steps = 12;

test(`after any sequence of pulls, builds, commits, removals, prunes and kills disk usage must be that of du (seed ${seed})`, { timeout: 240_000 }, async (t) => {
  const random = seededRandom(seed);
  await using daemon = await TestDaemon.start();
  const registry = await startRegistry(t);
  const shared = await layerOf({ shared: 's'.repeat(50_000) });
  for (const tag of ['v1', 'v2']) registry.push(`me/app:${tag}`, imageOf([shared, await layerOf({ [tag]: tag.repeat(30_000) })]));
  const context = mkdtempSync(join(tmpdir(), 'dhow-sequence-'));
  t.after(() => rmSync(context, { recursive: true, force: true }));
  mkdirSync(join(context, 'files'));
  /** What a killed daemon leaves undone is no failure: what it leaves on the disk is looked at. */
  const run = async (...words: string[]): Promise<void> => void (await runCli(words, { program: 'dhow', socketPath: daemon.socket }));
  const name = (): string => ['busybox', `${registry.host}/me/app:v1`, `${registry.host}/me/app:v2`, 'built', 'classic', 'committed', 'tagged'][random(7)] ?? 'busybox';
  const actions: Readonly<Record<string, () => Promise<void>>> = {
    pull: async () => await run('pull', '-q', `${registry.host}/me/app:v${1 + random(2)}`),
    build: async () => {
      writeFileSync(join(context, 'files/changing'), 'c'.repeat(random(60_000)));
      writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nCOPY files /files\nRUN --mount=type=cache,target=/cache echo ${random(3)} | tee /cache/kept > /made\n`);
      await run('build', '-q', '-t', 'built', context);
    },
    classic: async () => void (await runCli(['build', '-q', '-t', 'classic', context], { program: 'docker', socketPath: daemon.socket, environment: { DOCKER_BUILDKIT: '0' } })),
    commit: async () => {
      await run('run', '--name', 'changed', 'busybox', 'sh', '-c', `echo ${random(1000)} > /changed`);
      await run('commit', 'changed', 'committed');
      await run('rm', '-f', 'changed');
    },
    tag: async () => await run('tag', name(), 'tagged'),
    rmi: async () => await run('rmi', ...(random(2) === 0 ? ['-f'] : []), name()),
    prune: async () => await run('image', 'prune', '-f'),
    'prune builds': async () => await run('builder', 'prune', '-f', ...(random(2) === 0 ? ['-a'] : [])),
  };
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY files /files\n');
  const done: string[] = [];
  for (let step = 0; step < steps; step++) {
    const names = Object.keys(actions);
    const chosen = names[random(names.length)] ?? 'prune';
    const kill = random(4) === 0;
    done.push(kill ? `${chosen}, killed` : chosen);
    const running = actions[chosen]?.();
    if (kill) {
      await wait(random(400));
      await daemon.kill();
      await running;
      await daemon.launch();
    } else await running;
    await assertOwned(daemon, `after ${done.join('; ')}`);
  }
  await run('system', 'prune', '-a', '-f', '--volumes');
  await run('builder', 'prune', '-a', '-f');
  const { Usage } = await assertOwned(daemon, `after ${done.join('; ')} and a prune`);
  assert.deepEqual(Usage.filter(({ Kind }) => ['content', 'layer', 'build cache', 'unfinished transfer', 'image configuration'].includes(Kind)).map(({ Kind, Objects }) => [Kind, Objects]), [], done.join('; '));
});
