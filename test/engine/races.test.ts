/** Many clients at the same container, name or volume at once: each gets Docker's answer, and nothing happens twice. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { leftBehind } from './storm/left-behind.ts';

/** `ok`, or the status and text of the refusal; anything else is thrown. */
async function answerOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'ok';
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return `${error.status} ${error.message}`;
  }
}

const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, async (_, index) => work(index)));

const sleeper = { Image: 'busybox', Cmd: ['sh', '-c', 'echo begin; exec sleep 3600'] };

test('one name asked for by many must be given to one', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const answers = await times(16, async () => answerOf(client.containers.create(sleeper, { name: 'one' })));
  assert.equal(answers.filter((answer) => answer === 'ok').length, 1);
  for (const answer of answers.filter((each) => each !== 'ok')) {
    assert.match(answer, /^409 Conflict\. The container name "\/one" is already in use by container "?[0-9a-f]{64}"?\. You have to remove \(or rename\) that container to be able to reuse that name\.$/);
  }
  // The same by renaming; a name that was given up is free at once.
  const { Id: other } = await client.containers.create(sleeper, { name: 'other' });
  const { Id: third } = await client.containers.create(sleeper, { name: 'third' });
  const renames = await Promise.all([other, third].map(async (id) => answerOf(client.containers.rename(id, 'wanted'))));
  assert.equal(renames.filter((answer) => answer === 'ok').length, 1);
  assert.match(renames.find((answer) => answer !== 'ok') ?? '', /^409 .*wanted.*already in use/);
  const names = (await client.containers.list({ all: true })).map(({ Names }) => Names[0]).toSorted();
  assert.equal(names.length, 3);
  assert.ok(names.includes('/one') && names.includes('/wanted'));
  await times(8, async (index) => answerOf(client.containers.rename(names.includes('/other') ? other : third, `round-${index}`)));
  assert.equal(new Set((await client.containers.list({ all: true })).map(({ Names }) => Names[0])).size, 3);
  for (const { Id } of await client.containers.list({ all: true })) await client.containers.remove(Id);
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});

test('names that are made up for many at once must all be different', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  // There are some five thousand: with so many at a time the same one comes up sooner or later.
  for (let round = 0; round < 3; round++) {
    const made = await times(80, async () => client.containers.create({ Image: 'busybox', Cmd: ['true'] }));
    assert.equal(new Set((await client.containers.list({ all: true })).map(({ Names }) => Names[0])).size, made.length);
    await times(made.length, async (index) => client.containers.remove(made[index]?.Id ?? ''));
  }
});

test('many starts, stops, kills and removals of one container must be answered as Docker answers them', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create(sleeper);
  // Starting what runs, and stopping what does not, is no error: 304.
  assert.deepEqual(new Set(await times(12, async () => answerOf(client.containers.start(Id)))), new Set(['ok']));
  await eventually('it has begun', async () => assert.match(await daemon.logsOf(Id), /begin/));
  assert.equal(await daemon.logsOf(Id), 'begin\n', 'it was started once');
  const pauses = await times(6, async () => answerOf(client.containers.pause(Id)));
  assert.equal(pauses.filter((answer) => answer === 'ok').length, 1);
  for (const answer of pauses) assert.match(answer, /^ok$|^409 Container [0-9a-f]{64} is already paused$/);
  assert.equal((await times(6, async () => answerOf(client.containers.unpause(Id)))).filter((answer) => answer === 'ok').length, 1);
  assert.deepEqual(new Set(await times(12, async () => answerOf(client.containers.stop(Id, { timeout: 0 })))), new Set(['ok']));
  assert.equal((await client.containers.inspect(Id)).State.Status, 'exited');
  await client.containers.start(Id);
  for (const answer of await times(8, async () => answerOf(client.containers.kill(Id)))) assert.match(answer, /^ok$|^409 cannot kill container: .* is not running$/);
  await client.containers.start(Id);
  // Everything at once: whatever comes first, all come to an end.
  await times(24, async (index) => {
    const kind = [() => client.containers.start(Id), () => client.containers.stop(Id, { timeout: 0 }), () => client.containers.restart(Id, { timeout: 0 }), () => client.containers.kill(Id)][index % 4];
    assert.match(await answerOf(kind?.() ?? Promise.resolve()), /^ok$|^409 cannot kill container: .* is not running$/);
  });
  const removals = await times(8, async () => answerOf(client.containers.remove(Id, { force: true })));
  assert.ok(removals.includes('ok'));
  for (const answer of removals) assert.match(answer, /^ok$|^404 No such container|^409 removal of container [0-9a-f]{64} is already in progress$/);
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});

test('runs that remove themselves, stops and removals beside each other must leave nothing', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  await times(12, async (index) => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sleep', '0.05'], HostConfig: { AutoRemove: true } });
    const removed = await client.containers.wait(Id, { condition: 'removed' });
    await client.containers.start(Id);
    if (index % 3 === 0) assert.match(await answerOf(client.containers.remove(Id, { force: true })), /^ok$|^404|^409 removal of container/);
    if (index % 3 === 1) assert.match(await answerOf(client.containers.stop(Id, { timeout: 0 })), /^ok$|^404/);
    assert.ok([0, 137].includes((await removed.result).StatusCode));
  });
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});

test('prunes beside creates must take nothing that is being used', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  let over = false;
  const pruning = (async () => {
    while (!over) {
      // One at a time, as with Docker.
      await Promise.all([
        client.volumes.prune({ all: ['true'] }),
        client.networks.prune(),
        client.images.prune({ dangling: ['true'] }),
        client.containers.prune({ label: ['prunable'] }),
      ]);
    }
  })();
  await times(4, async (worker) => {
    for (let round = 0; round < 6; round++) {
      const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo kept > /data/file; cat /data/file /named/file 2>/dev/null; exit 0'], Volumes: { '/data': {} }, HostConfig: { Binds: [`named-${worker}-${round}:/named`] } });
      const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
      await client.containers.start(Id);
      assert.equal((await result).StatusCode, 0);
      assert.equal(await daemon.logsOf(Id), 'kept\n');
      const { Id: prunable } = await client.containers.create({ Image: 'busybox', Cmd: ['true'], Labels: { prunable: '' } });
      assert.match(await answerOf(client.containers.start(prunable)), /^ok$|^404 No such container|^409 /);
      await client.containers.remove(Id, { volumes: true });
    }
  });
  over = true;
  await pruning;
  for (const { Id } of await client.containers.list({ all: true })) await client.containers.remove(Id, { force: true });
  await client.volumes.prune({ all: ['true'] });
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});
