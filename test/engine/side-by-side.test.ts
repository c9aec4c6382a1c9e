/** Two daemons on one machine, and ports that both would like to have. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import test from 'node:test';
import { ApiError } from '#client/client-error.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const server = ['sh', '-c', 'mkdir /w; echo "$ANSWER" > /w/index.html; exec httpd -f -p 80 -h /w'];

async function serve(daemon: TestDaemon, name: string, port: string, answer: string): Promise<string> {
  const { Id } = await daemon.client.containers.create(
    { Image: 'busybox', Cmd: server, Env: [`ANSWER=${answer}`], ExposedPorts: { '80/tcp': {} }, HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: port }] } } } as never,
    { name },
  );
  await daemon.client.containers.start(Id);
  return Id;
}

async function portOf(daemon: TestDaemon, id: string): Promise<string> {
  const { NetworkSettings } = await daemon.client.containers.inspect(id);
  return NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '';
}

async function answerAt(address: string): Promise<string> {
  return (await (await fetch(address)).text()).trim();
}

test('two daemons must serve side by side, and each must live through the other’s end', async () => {
  await using one = await TestDaemon.start();
  const first = await serve(one, 'web', '', 'one');
  const port = await portOf(one, first);
  {
    await using two = await TestDaemon.start();
    const second = await serve(two, 'web', '', 'two');
    const other = await portOf(two, second);
    assert.notEqual(port, other);
    for (const host of ['127.0.0.1', '[::1]']) {
      await eventually('both answer', async () => {
        assert.equal(await answerAt(`http://${host}:${port}/`), 'one');
        assert.equal(await answerAt(`http://${host}:${other}/`), 'two');
      });
    }
    assert.equal((await two.client.containers.list()).length, 1);
  }
  assert.equal(await answerAt(`http://127.0.0.1:${port}/`), 'one');
});

test('a port that is taken must be refused, and a failed start leave nothing', async () => {
  await using daemon = await TestDaemon.start();
  const listener = createServer().listen(0, '0.0.0.0');
  await once(listener, 'listening');
  const address = listener.address();
  const taken = typeof address === 'object' && address !== null ? String(address.port) : '';
  try {
    await assert.rejects(serve(daemon, 'late', taken, 'never'), (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.match(error.message, new RegExp(`^failed to set up container networking: driver failed programming external connectivity on endpoint late \\([0-9a-f]{64}\\): .*${taken}`));
      return true;
    });
  } finally {
    listener.close();
  }
  const { State, NetworkSettings } = await daemon.client.containers.inspect('late');
  assert.deepEqual([State.Status, NetworkSettings.SandboxID], ['created', '']);
  assert.deepEqual(await daemon.remains(), []);
  // Free again: the same container starts.
  await daemon.client.containers.start('late');
  await eventually('it answers', async () => assert.equal(await answerAt(`http://127.0.0.1:${taken}/`), 'never'));
});

test('a published port must answer while the daemon is dead, and on every address again under the next one', async () => {
  await using daemon = await TestDaemon.start();
  const id = await serve(daemon, 'web', '', 'still here');
  const port = await portOf(daemon, id);
  await eventually('it answers', async () => assert.equal(await answerAt(`http://127.0.0.1:${port}/`), 'still here'));
  await daemon.kill();
  assert.equal(await answerAt(`http://127.0.0.1:${port}/`), 'still here');
  await daemon.launch();
  assert.equal(await portOf(daemon, id), port);
  for (const host of ['127.0.0.1', '[::1]']) assert.equal(await answerAt(`http://${host}:${port}/`), 'still here');
});
