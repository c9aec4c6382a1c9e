/** A container with no network gets one by the user's hands: through its process, and through the path that inspect tells. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync, symlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { runProgram } from '#kernel/run-program.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const suffix = randomBytes(3).toString('hex');
const [host, peer, name] = [`hm${suffix}a`, `hm${suffix}b`, `hm-${suffix}`];
let daemon: TestDaemon;

before(async () => {
  daemon = await TestDaemon.start();
});
after(async () => {
  rmSync(`/run/netns/${name}`, { force: true });
  await runProgram('ip', ['link', 'delete', host]);
  await daemon[Symbol.asyncDispose]();
});

async function succeed(program: string, ...parameters: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, parameters);
  assert.equal(exitCode, 0, `${program} ${parameters.join(' ')}: ${stderr}`);
  return stdout;
}

test('an interface put into a container by hand must serve, stay over the daemon\'s end, and go with the container', async () => {
  const program = 'mkdir /w; echo made by hand > /w/index.html; exec httpd -f -p 80 -h /w';
  await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', program], HostConfig: { NetworkMode: 'none' } } as never, { name });
  await daemon.client.containers.start(name);
  const { State, NetworkSettings } = await daemon.client.containers.inspect(name);
  await succeed('ip', 'link', 'add', host, 'type', 'veth', 'peer', 'name', peer);
  await succeed('ip', 'link', 'set', peer, 'netns', String(State.Pid));
  // As manuals show it: a name for `ip netns` that leads to the container's namespace.
  await succeed('mkdir', '-p', '/run/netns');
  symlinkSync(NetworkSettings.SandboxKey, `/run/netns/${name}`);
  await succeed('ip', 'netns', 'exec', name, 'ip', 'address', 'add', '198.19.77.2/30', 'dev', peer);
  await succeed('ip', 'netns', 'exec', name, 'ip', 'link', 'set', peer, 'up');
  await succeed('ip', 'address', 'add', '198.19.77.1/30', 'dev', host);
  await succeed('ip', 'link', 'set', host, 'up');
  const answers = (): Promise<void> => eventually('it answers', async () => {
    assert.equal((await (await fetch('http://198.19.77.2/', { headers: { connection: 'close' } })).text()).trim(), 'made by hand');
  });
  await answers();
  await daemon.kill();
  await answers();
  await daemon.launch();
  await answers();
  rmSync(`/run/netns/${name}`);
  await daemon.client.containers.stop(name, { timeout: 0 });
  await eventually('the interface is gone', async () => assert.notEqual((await runProgram('ip', ['link', 'show', host])).exitCode, 0));
});
