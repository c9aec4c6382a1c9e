/** No descriptor is left for the daemon: what needs one is refused with the reason, and all is well when there are some again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import test from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { leftBehind } from './storm/left-behind.ts';

test('a daemon that has no descriptor left must refuse starts, lose nothing that runs, and go on when it has some again', async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const create = async (command: string[]): Promise<string> => (await client.containers.create({ Image: 'busybox', Cmd: command })).Id;
  const ending = await create(['sh', '-c', 'read line; exit 3']);
  const running = await create(['sleep', '3600']);
  await client.containers.start(running);
  const late = await create(['sh', '-c', 'sleep 2; exit 3']);
  await client.containers.start(late);
  const before = await client.containers.inspect(running);
  // The answer has its connection already.
  const { result } = await client.containers.wait(late);
  const limit = (count: number): void => void execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${count}:`]);
  const own = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length;
  const crowd: Socket[] = [];
  try {
    const ceiling = own() + 12;
    limit(ceiling);
    for (let number = 0; number < 40; number++) {
      const socket = createConnection(daemon.socket);
      socket.on('error', () => undefined);
      crowd.push(socket);
    }
    await eventually('there is none left', () => own() >= ceiling - 2);
    const refusals = await Promise.all(Array.from({ length: 3 }, async () => {
      const answer = client.containers.start(ending).then(() => undefined, (error: unknown) => error);
      return Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 3000, undefined))]);
    }));
    for (const refusal of refusals) if (refusal instanceof ApiError) assert.match(refusal.message, /too many open files|EMFILE/i);
    assert.equal((await result).StatusCode, 3);
  } finally {
    for (const socket of crowd) socket.destroy();
    limit(4096);
  }
  await eventually('it answers again', async () => {
    client.close();
    await client.system.ping();
  });
  assert.ok(existsSync(`/proc/${before.State.Pid}`));
  assert.equal((await client.containers.inspect(running)).State.Pid, before.State.Pid);
  assert.deepEqual([(await client.containers.inspect(late)).State.Status, (await client.containers.inspect(late)).State.ExitCode], ['exited', 3]);
  assert.equal((await daemon.run(['echo', 'others'])).output, 'others\n');
  for (const id of [ending, running, late]) await client.containers.remove(id, { force: true });
  await eventually('nothing is left', async () => assert.deepEqual(await leftBehind(daemon), []));
});
