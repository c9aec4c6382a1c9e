/** The disk of the data root is full: what cannot be done says so, what runs goes on, and space can be made. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { mountFilesystem } from '../images/small-disk.ts';
import { leftBehind } from './storm/left-behind.ts';

const noSpace = /no space left on device|disk is full/i;

test('a full disk must refuse what needs it, end nothing that runs, and let containers be removed', async () => {
  await using daemon = await TestDaemon.start({
    prepare: ({ dataRoot }) => {
      mkdirSync(dataRoot);
      mountFilesystem(dataRoot, 48 << 20);
    },
  });
  const { client } = daemon;
  const ballast = join(daemon.dataRoot, 'ballast');
  const fill = (): void => {
    const { bavail, bsize } = statfsSync(daemon.dataRoot);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize + bsize), { flag: 'a' });
    } catch {
      // Full.
    }
    assert.equal(statfsSync(daemon.dataRoot).bavail, 0);
  };
  const talking = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo line $i; usleep 10000; done'] });
  await client.containers.start(talking.Id);
  const writing = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; sleep 1; exit 6'] });
  const waiting = await client.containers.create({ Image: 'busybox', Cmd: ['true'] });
  await client.containers.start(writing.Id);
  const { result } = await client.containers.wait(writing.Id);
  const before = await client.containers.inspect(talking.Id);
  await eventually('it talks', async () => assert.match(await daemon.logsOf(talking.Id), /line 5\n/));
  fill();

  await assert.rejects(client.containers.create({ Image: 'busybox', Cmd: ['true'] }, { name: 'too-much' }), noSpace);
  await assert.rejects(client.containers.start(waiting.Id), noSpace);
  await assert.rejects(async () => {
    for await (const { error } of await client.images.import('-', { archive: (async function* () { yield Buffer.alloc(4 << 20); })() as never, repository: 'big' })) if (error !== undefined) throw new Error(error);
  }, /.+/);
  // The end of a container is told although it cannot be written down.
  assert.equal((await result).StatusCode, 6);
  const { State } = await client.containers.inspect(talking.Id);
  assert.deepEqual([State.Running, State.Pid], [true, before.State.Pid]);
  assert.ok((await client.containers.list({ all: true })).every(({ Names }) => Names[0] !== '/too-much'));

  // Space is made by removing.
  await client.containers.remove(writing.Id, { force: true });
  await eventually('there is space again', () => statfsSync(daemon.dataRoot).bavail > 0);
  rmSync(ballast);
  await client.containers.start(waiting.Id);
  const countOf = async (): Promise<number> => Number(/(\d+)\n$/.exec(await daemon.logsOf(talking.Id))?.[1]);
  const count = await countOf();
  await eventually('its log goes on', async () => (await countOf()) > count);
  const log = readFileSync((await client.containers.inspect(talking.Id)).LogPath, 'utf8').split('\n').slice(0, -1);
  for (const line of log) JSON.parse(line);
  assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
  await daemon.kill();
  await daemon.launch();
  assert.equal((await client.containers.inspect(talking.Id)).State.Pid, before.State.Pid);
  for (const { Id } of [talking, waiting]) await client.containers.remove(Id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual((await leftBehind(daemon)).filter((line) => !line.includes(`mount ${daemon.dataRoot} `)), []));
});
