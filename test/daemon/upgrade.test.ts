/** A next daemon takes over while clients work: nobody is refused, and what is attached goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { freePort } from '../fixtures/free-port.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

test('a next daemon must take over under load: attached execs, followed logs and published ports go on', async () => {
  await using daemon = await TestDaemon.start();
  const port = await freePort();
  const web = await start(daemon, ['sh', '-c', 'mkdir /w; echo hello > /w/index.html; exec httpd -f -h /w -p 80'], { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } });
  const counter = await start(daemon, ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done']);
  const other = daemon.connect();

  const ending = new AbortController();
  let lines = '';
  const following = (async () => {
    for await (const chunk of await other.containers.logs(counter, { stdout: true, follow: true, signal: ending.signal })) lines += chunk.subarray(8).toString();
  })().catch((error: unknown) => error);
  // It ends when told to, after the next daemon has come.
  const { Id: execId } = await other.execs.create(counter, { Cmd: ['sh', '-c', 'echo begun; read word; echo "got $word"; exit 7'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await other.execs.startAttached(execId, { Tty: false });
  let output = '';
  const reading = (async () => {
    for await (const chunk of stream) output += chunk.toString();
  })();
  await eventually('the exec runs', async () => assert.match(output, /begun/));
  const waiter = await start(daemon, ['sh', '-c', 'while [ ! -e /go ]; do sleep 0.05; done; exit 5']);
  const { result: waited } = await other.containers.wait(waiter);

  // Everybody who only asks must be answered, whichever daemon it is.
  let working = true;
  const failures: unknown[] = [];
  let requests = 0;
  let execs = 0;
  const worker = async (work: () => Promise<void>): Promise<void> => {
    while (working) await work().catch((error: unknown) => failures.push(error));
  };
  const workers = [
    worker(async () => {
      assert.equal((await (await fetch(`http://127.0.0.1:${port}/index.html`)).text()), 'hello\n');
      requests++;
    }),
    worker(async () => {
      const client = daemon.connect();
      try {
        await client.containers.inspect(web);
      } finally {
        client.close();
      }
    }),
    worker(async () => {
      const client = daemon.connect();
      try {
        const { Id } = await client.execs.create(web, { Cmd: ['sh', '-c', 'echo out; exit 3'], AttachStdout: true });
        const attached = await client.execs.startAttached(Id, { Tty: false });
        let text = '';
        for await (const chunk of attached) text += chunk.toString();
        assert.match(text, /out/);
        assert.equal((await client.execs.inspect(Id)).ExitCode, 3);
        execs++;
      } finally {
        client.close();
      }
    }),
  ];

  const pids = new Set([daemon.pid]);
  for (let round = 0; round < 3; round++) {
    const [requestsBefore, execsBefore] = [requests, execs];
    await eventually('there is load', async () => assert.ok(requests > requestsBefore + 5 && execs > execsBefore + 2, failures.map(String).join('\n')));
    await daemon.replace();
    pids.add(daemon.pid);
  }
  assert.equal(pids.size, 4);
  const after = execs;
  await eventually('the last daemon serves execs', async () => assert.ok(execs > after + 2));
  working = false;
  await Promise.all(workers);
  assert.deepEqual(failures.map(String), []);

  await stream.write('word\n');
  await reading;
  assert.match(output, /got word/);
  const asked = daemon.connect();
  await eventually('the exit code is known', async () => assert.equal((await asked.execs.inspect(execId)).ExitCode, 7));

  const { Id: go } = await asked.execs.create(waiter, { Cmd: ['touch', '/go'] });
  await asked.execs.startDetached(go, { Tty: false });
  assert.equal((await waited).StatusCode, 5);
  await eventually('the end is booked', async () => assert.equal((await asked.containers.inspect(waiter)).State.ExitCode, 5));

  const seen = lines.length;
  await eventually('the followed log goes on', async () => assert.ok(lines.length > seen + 200));
  ending.abort();
  await following;
  const numbers = [...lines.matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number));
  assert.deepEqual(numbers, numbers.map((_, place) => place + 1));
  asked.close();
  other.close();
});

test('a daemon that was replaced must end once nobody is attached to it, and leave nothing of its own', async () => {
  await using daemon = await TestDaemon.start();
  const id = await start(daemon, ['sleep', '600']);
  const before = await daemon.replace();
  if (before.exitCode === null) await once(before, 'exit');
  assert.equal(before.exitCode, 0, daemon.log);
  assert.equal((await daemon.client.containers.inspect(id)).State.Running, true);
  await assert.rejects(daemon.client.containers.inspect('nobody'), (error) => error instanceof ApiError && error.status === 404);
});

test('what was asked of execs before an orderly end must be known to the next daemon', async () => {
  await using daemon = await TestDaemon.start();
  const id = await start(daemon, ['sleep', '600']);
  const { Id: running } = await daemon.client.execs.create(id, { Cmd: ['sh', '-c', 'while [ ! -e /go ]; do sleep 0.05; done; exit 4'] });
  await daemon.client.execs.startDetached(running, { Tty: false });
  const { Id: created } = await daemon.client.execs.create(id, { Cmd: ['touch', '/go'] });
  await daemon.stop();
  await daemon.launch();
  assert.equal((await daemon.client.execs.inspect(running)).Running, true);
  await daemon.client.execs.startDetached(created, { Tty: false });
  await eventually('it ended', async () => assert.equal((await daemon.client.execs.inspect(running)).ExitCode, 4));
});

async function start(daemon: TestDaemon, command: readonly string[], host: Record<string, unknown> = {}): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: [...command], ExposedPorts: { '80/tcp': {} }, HostConfig: host } as never);
  await daemon.client.containers.start(Id);
  return Id;
}
