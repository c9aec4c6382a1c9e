import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('with --init a small process must come first and be a good parent', async (t) => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const withInit = { Init: true };

  await t.test('it must be process 1, and the command its child', async () => {
    const { output, exitCode } = await daemon.run(['sh', '-c', 'tr "\\0" " " </proc/1/cmdline; test $$ -ne 1'], withInit);
    assert.match(output, /^\/sbin\/docker-init -- sh -c /);
    assert.equal(exitCode, 0);
  });

  await t.test('it must end with the command’s status, or 128 and the signal', async () => {
    assert.equal((await daemon.run(['sh', '-c', 'exit 42'], withInit)).exitCode, 42);
    assert.equal((await daemon.run(['sh', '-c', 'kill -TERM $$; sleep 5'], withInit)).exitCode, 143);
    assert.equal((await daemon.run(['no-such-command'], withInit)).exitCode, 127);
    assert.equal((await daemon.run(['/etc'], withInit)).exitCode, 126);
  });

  await t.test('it must reap orphans', async () => {
    const orphan = '(sh -c "exit 0" & exec sh -c "exit 0") & wait; until ! grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null; do :; done; echo clean';
    assert.match((await daemon.run(['sh', '-c', orphan], withInit)).output, /clean/);
  });

  await t.test('signals must reach the command', async () => {
    const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'trap "echo caught; exit 7" USR1; echo ready; while :; do sleep 0.02; done'], HostConfig: withInit });
    await client.containers.start(Id);
    await eventually('it is ready', async () => assert.match(await daemon.logsOf(Id), /ready/));
    const { result } = await client.containers.wait(Id);
    await client.containers.kill(Id, 'USR1');
    assert.equal((await result).StatusCode, 7);
    assert.match(await daemon.logsOf(Id), /caught/);
  });

  await t.test('with a terminal the command must be in its foreground', async () => {
    const script = 'set -- $(sed "s/.*) //" /proc/$$/stat); test "$3" = "$6" && echo foreground $1';
    const { Id } = await client.containers.create({ Image: 'busybox', Tty: true, Cmd: ['sh', '-c', script], HostConfig: withInit });
    await client.containers.start(Id);
    await (await client.containers.wait(Id)).result;
    const chunks: Buffer[] = [];
    for await (const chunk of await client.containers.logs(Id, { stdout: true })) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString(), /^foreground/);
  });
});
