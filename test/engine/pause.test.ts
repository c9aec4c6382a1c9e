import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('a paused container must stand still until it goes on, is stopped or is killed', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'trap "exit 5" TERM; while :; do echo tick; sleep 0.02; done'] });
  await client.containers.start(Id);
  await eventually('it ticks', async () => assert.match(await daemon.logsOf(Id), /tick/));

  await t.test('nothing of it must run while it is paused', async () => {
    await client.containers.pause(Id);
    const { State } = await client.containers.inspect(Id);
    assert.deepEqual([State.Status, State.Paused, State.Running], ['paused', true, true]);
    const before = await daemon.logsOf(Id);
    const { pid, time } = await ticks(State.Pid);
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual(await ticks(State.Pid), { pid, time });
    assert.equal((await daemon.logsOf(Id)).length, before.length);
    await assert.rejects(client.containers.pause(Id), { status: 409, message: `Container ${Id} is already paused` });
    for (const name of [Id, Id.slice(0, 20)]) {
      await assert.rejects(client.execs.create(name, { Cmd: ['true'] }), { status: 409, message: `Container ${name} is paused, unpause the container before exec` });
      await assert.rejects(client.containers.remove(name), { status: 409, message: `cannot remove container "${name}": container is paused and must be unpaused first` });
    }
    await assert.rejects(client.containers.start(Id), { message: 'cannot start a paused container, try unpause instead' });
  });

  await t.test('a daemon that was killed must know it as paused, and let it go on', async () => {
    await daemon.kill();
    await daemon.launch();
    assert.equal((await client.containers.inspect(Id)).State.Status, 'paused');
    const before = (await daemon.logsOf(Id)).length;
    await client.containers.unpause(Id);
    assert.equal((await client.containers.inspect(Id)).State.Status, 'running');
    await eventually('it ticks again', async () => assert((await daemon.logsOf(Id)).length > before));
    await assert.rejects(client.execs.create(Id, { Cmd: ['true'], User: 'nobody-here' }), { status: 400, message: 'unable to find user nobody-here: no matching entries in passwd file' });
    await assert.rejects(client.containers.unpause(Id), { status: 500, message: `Container ${Id} is not paused` });
  });

  await t.test('stop must let it take the stop signal, and kill must end it', async () => {
    await client.containers.pause(Id);
    await client.containers.stop(Id);
    assert.equal((await client.containers.inspect(Id)).State.ExitCode, 5);
    await assert.rejects(client.containers.pause(Id), { status: 409, message: `container ${Id} is not running` });
    await client.containers.start(Id);
    await client.containers.pause(Id);
    await client.containers.kill(Id);
    assert.equal((await client.containers.inspect(Id)).State.ExitCode, 137);
  });
});

/** What a process has used of the processor, by the kernel's account. */
async function ticks(pid: number): Promise<{ pid: number; time: string }> {
  const { readFile } = await import('node:fs/promises');
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return { pid, time: `${fields[11]} ${fields[12]}` };
}
