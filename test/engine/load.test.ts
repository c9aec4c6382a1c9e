/**
 * Many containers one after the other and at once: what the daemon took for them it gives back. By hand with
 * `DHOW_LOAD_CONTAINERS=1000 DHOW_LOAD_AT_ONCE=100`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { leftBehind } from './storm/left-behind.ts';

const count = Number(process.env['DHOW_LOAD_CONTAINERS'] ?? '60');
const atOnce = Number(process.env['DHOW_LOAD_AT_ONCE'] ?? '20');
/** MiB: compiled code and what allocators cannot give back. */
const allowedGrowth = 24;

interface Footprint {
  readonly descriptors: number;
  /** MiB of memory of its own. */
  readonly memory: number;
}

function footprintOf(pid: number): Footprint {
  const anonymous = Number(/^Anonymous:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memory: Math.round(anonymous / 1024) };
}

test(`${count} containers made and removed, and ${atOnce} at once, must leave the daemon as it was`, async (context) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const cycle = async (): Promise<void> => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'] });
    const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
    await client.containers.start(Id);
    assert.equal((await result).StatusCode, 0);
    await client.containers.remove(Id);
  };
  const cycles = async (total: number): Promise<void> => {
    let left = total;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (left-- > 0) await cycle();
    }));
  };
  // Code that has run once is compiled, and stays.
  await cycles(20);
  client.close();
  const before = footprintOf(daemon.pid);
  await cycles(count);
  const ids = await Promise.all(Array.from({ length: atOnce }, async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '3600'] });
    await client.containers.start(Id);
    return Id;
  }));
  const during = footprintOf(daemon.pid);
  assert.equal((await client.containers.list()).length, atOnce);
  await Promise.all(ids.map(async (id) => client.containers.remove(id, { force: true })));
  client.close();
  await eventually('it is as it was', () => {
    const { descriptors, memory } = footprintOf(daemon.pid);
    assert.ok(descriptors <= before.descriptors + 3, `${descriptors} descriptors, ${before.descriptors} before`);
    assert.ok(memory <= before.memory + allowedGrowth, `${memory} MiB, ${before.memory} before`);
  }, 60_000);
  const after = footprintOf(daemon.pid);
  context.diagnostic(`before ${JSON.stringify(before)}, with ${atOnce} running ${JSON.stringify(during)}, after ${JSON.stringify(after)}`);
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});
