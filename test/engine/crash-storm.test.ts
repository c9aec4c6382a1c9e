/**
 * The daemon killed at random moments while clients create, start, stop, exec into and remove containers in
 * parallel. `DHOW_CRASH_ROUNDS` kills (30 unless told), moments by `DHOW_CRASH_SEED` (printed).
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'node:test';
import { inspect } from 'node:util';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import type { ExpectedContainer } from './storm/expected-container.ts';
import { leftBehind } from './storm/left-behind.ts';
import { seededRandom } from './storm/random.ts';
import { work, type StormWorld } from './storm/worker.ts';

const rounds = Number(process.env['DHOW_CRASH_ROUNDS'] ?? '30');
const seed = Number(process.env['DHOW_CRASH_SEED'] ?? randomInt(1_000_000_000));
const workers = 4;
/** Milliseconds after which a daemon is killed at the latest. */
const longestLife = 400;

test(`a daemon killed at ${rounds} random moments must lose, double and leak nothing (seed ${seed})`, async (context) => {
  context.diagnostic(`DHOW_CRASH_SEED=${seed}`);
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const random = seededRandom(seed);
  const containers: ExpectedContainer[] = [];
  const network = 'storm';
  const subnet = `10.${200 + random(50)}.${random(250)}.0/28`;
  await client.networks.create({ Name: network, IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: subnet }] } } as never);
  const namedVolumes: StormWorld['namedVolumes'] = new Map();
  const firstPort = 20_000 + random(10_000);
  let labels = 0;
  const idle: ExpectedContainer[] = [];
  let adopted = 0;

  for (let round = 0; round < rounds; round++) {
    let over = false;
    const world: StormWorld = {
      client, random, containers, idle, namedVolumes, network,
      firstPort,
      nextLabel: () => String(labels++),
      isOver: () => over,
    };
    const working = Array.from({ length: workers }, async () => work(world));
    const settled = Promise.allSettled(working);
    await delay(random(longestLife));
    over = true;
    await daemon.kill();
    try {
      for (const outcome of await settled) if (outcome.status === 'rejected') throw outcome.reason;
      await daemon.launch();
      adopted += await check(daemon, world, `round ${round}, seed ${seed}`);
    } catch (error) {
      // Told here as well: what fails while the daemon is ended would cover it up.
      context.diagnostic(inspect(error, { depth: 5 }));
      throw error;
    }
    for (const known of containers.splice(0)) if (known.existence !== 'gone') containers.push(known);
    idle.splice(0, idle.length, ...containers);
    while (idle.length > 12) idle.pop();
  }
  context.diagnostic(`${labels} containers made, ${adopted} taken up by a later daemon`);
  for (const { id } of containers) await client.containers.remove(id, { force: true, volumes: true });
  for (const [name, state] of namedVolumes) if (state === 'yes') await client.volumes.remove(name);
  await client.networks.remove(network);
  await eventually('nothing is left', async () => {
    assert.deepEqual(await leftBehind(daemon), []);
    assert.deepEqual(await daemon.remains(), []);
  });
});

/** Answers how many containers run on. */
async function check(daemon: TestDaemon, { client, containers, namedVolumes }: StormWorld, moment: string): Promise<number> {
  try {
    const listed = await client.containers.list({ all: true });
    const labels = listed.map(({ Labels }) => Labels['storm'] ?? 'none');
    assert.equal(new Set(labels).size, labels.length, `no container is there twice: ${labels.join(' ')}`);
    for (const label of labels) assert.ok(containers.some((known) => known.label === label), `container ${label} was never made`);
    for (const known of containers) {
      const found = listed.find(({ Labels }) => Labels['storm'] === known.label);
      known.settleExistence(found !== undefined);
      if (found === undefined) continue;
      known.id = found.Id;
      await eventually(`container ${known.label} is as it should be`, async () => {
        let inspect = await client.containers.inspect(known.id).catch(() => undefined);
        if (inspect === undefined) {
          known.settleExistence(false);
          return;
        }
        const log = await daemon.logsOf(known.id);
        inspect = await client.containers.inspect(known.id);
        known.checkState(inspect);
        known.checkOutput(log, inspect);
      }, 5000);
    }
    const volumes = ((await client.volumes.list()).Volumes ?? []).map(({ Name }) => Name);
    for (const [name, state] of namedVolumes) {
      const found = volumes.includes(name);
      if (state !== 'maybe') assert.equal(found, state === 'yes', `volume ${name}`);
      namedVolumes.set(name, found ? 'yes' : 'gone');
    }
    await eventually('nothing has leaked', async () => assert.deepEqual(await leftBehind(daemon), []));
    assert.doesNotMatch(daemon.log, /bug:|could not/);
    return listed.filter(({ State }) => State === 'running').length;
  } catch (error) {
    throw new Error(`${moment}; the daemon says: ${daemon.log.slice(-600)}`, { cause: error });
  }
}
