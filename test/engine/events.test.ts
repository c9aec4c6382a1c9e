/** Events on a real daemon: exact, in Docker's order and words, and there after a restart. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { EventMessage } from '#schema/event-message.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('events must tell what happened, also after the daemon was killed', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const past = async (since: string, filters: Record<string, string[]> = {}): Promise<EventMessage[]> => {
    const found: EventMessage[] = [];
    for await (const event of await client.system.events({ since, until: (Date.now() / 1000 + 0.001).toFixed(3), filters })) found.push(event);
    return found;
  };
  const { Id: id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'trap "exit 4" TERM; while :; do sleep 0.05; done'], Labels: { tier: 'front' }, HostConfig: { Binds: ['stuff:/data'] } } as never);
  await client.containers.start(id);
  const exec = await client.execs.create(id, { Cmd: ['true'] });
  await client.execs.startDetached(exec.Id, { Tty: false });
  await client.containers.stop(id);

  await t.test('a life must be told in Docker’s order, with nanoseconds that are exact', async () => {
    const events = await past('1', { container: [id] });
    const actions = events.map(({ Action }) => Action).filter((action) => action !== 'exec_die');
    assert.deepEqual(actions, ['create', 'start', 'exec_create: true ', 'exec_start: true ', 'kill', 'stop', 'die']);
    assert.equal(events.at(-1)?.Actor.Attributes['exitCode'], '4');
    for (const { time, timeNano } of events) assert.equal(timeNano / 1_000_000_000n, BigInt(time));
    assert.ok(!clockIsFine() || events.some(({ timeNano }) => BigInt(Number(timeNano)) !== timeNano), 'times are no doubles');
  });

  await t.test('the past must be there after the daemon was killed, and filters must choose from it', async () => {
    const before = await past('1');
    await daemon.kill();
    await daemon.launch();
    const after = await past('1');
    assert.deepEqual(after.slice(0, before.length), before);
    const volumes = await past('1', { type: ['volume'] });
    assert.deepEqual(volumes.map(({ Action }) => Action), ['create', 'mount', 'unmount']);
    assert.deepEqual((await past('1', { label: ['tier=front'], event: ['die'] })).map(({ Actor }) => Actor.ID), [id]);
    // No beginning, and an end that is none.
    const all: unknown[] = [];
    for await (const event of await client.system.events({ until: '0' })) all.push(event);
    assert.equal(all.length, after.length);
    const middle = before[3]?.timeNano ?? 0n;
    const seconds = `${middle / 1_000_000_000n}.${String(middle % 1_000_000_000n).padStart(9, '0')}`;
    assert.deepEqual((await past(seconds)).slice(0, before.length - 3), before.slice(3));
  });

  await t.test('a start that failed must tell that what it took was given back', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['nosuch'], HostConfig: { Binds: ['other:/x'] } } as never);
    const mark = (await past('1')).length;
    await assert.rejects(client.containers.start(Id));
    assert.deepEqual((await past('1')).slice(mark).map(({ Type, Action }) => `${Type} ${Action}`), ['volume mount', 'network disconnect', 'volume unmount']);
  });
});

/** Whether the clock goes in steps finer than those of a double that holds today in nanoseconds; that of user-mode Linux does not. */
function clockIsFine(): boolean {
  const moments = Array.from({ length: 200 }, () => process.hrtime.bigint());
  return moments.some((moment) => (moment - (moments[0] ?? 0n)) % 256n !== 0n);
}
