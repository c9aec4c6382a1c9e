/** Ports that are published and withdrawn while their container runs, through a daemon of the test's own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PortMap } from '#schema/container-config.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;

before(async () => {
  daemon = await TestDaemon.start();
});
after(async () => daemon[Symbol.asyncDispose]());

async function serve(name: string, more: { PortBindings?: object; NetworkMode?: string } = {}): Promise<void> {
  const program = 'mkdir /w; echo "$ANSWER" > /w/index.html; httpd -p 81 -h /w; exec httpd -f -p 80 -h /w';
  await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', program], Env: [`ANSWER=${name}`], ExposedPorts: Object.fromEntries(Object.keys(more.PortBindings ?? {}).map((port) => [port, {}])), HostConfig: { ...more } } as never, { name });
  await daemon.client.containers.start(name);
}
const boundOf = async (name: string): Promise<PortMap> => (await daemon.client.containers.inspect(name)).NetworkSettings.Ports ?? {};
const askedOf = async (name: string): Promise<PortMap | null> => (await daemon.client.containers.inspect(name)).HostConfig.PortBindings;
const portOf = async (name: string, port: string): Promise<string> => (await boundOf(name))[port]?.[0]?.HostPort ?? '';
async function answerAt(port: string, host = '127.0.0.1'): Promise<string> {
  try {
    return (await (await fetch(`http://${host}:${port}/`, { headers: { connection: 'close' } })).text()).trim();
  } catch {
    return 'nothing';
  }
}
const answers = (port: string, expected: string, host?: string): Promise<void> => eventually(`port ${port} answers ${expected}`, async () => assert.equal(await answerAt(port, host), expected));
const random = [{ HostIp: '', HostPort: '' }];

test('a running container must have a port at once, keep it over restarts of both, and give it back', async () => {
  await serve('live');
  assert.deepEqual(await boundOf('live'), {});
  await daemon.client.containers.update('live', { PortBindingsAdd: { '80/tcp': random } });
  const port = await portOf('live', '80/tcp');
  await answers(port, 'live');
  await answers(port, 'live', '[::1]');
  assert.deepEqual((await daemon.client.containers.list())[0]?.Ports.map(({ PrivatePort, PublicPort }) => [PrivatePort, String(PublicPort)]), [[80, port], [80, port]]);
  await daemon.client.containers.update('live', { PortBindingsAdd: { '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } });
  const local = await portOf('live', '81/tcp');
  await answers(local, 'live');
  assert.equal(await portOf('live', '80/tcp'), port, 'a port that was there stays');

  await daemon.kill();
  await daemon.launch();
  assert.equal(await portOf('live', '80/tcp'), port);
  await answers(local, 'live');
  await daemon.client.containers.update('live', { PortBindingsRemove: { '80/tcp': [] } });
  await answers(port, 'nothing');
  await answers(port, 'nothing', '[::1]');
  await answers(local, 'live');
  assert.deepEqual([(await boundOf('live'))['80/tcp'], await askedOf('live')], [null, { '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] }]);
  await daemon.client.containers.restart('live', { timeout: 0 });
  await answers(await portOf('live', '81/tcp'), 'live');
  assert.equal(await portOf('live', '80/tcp'), '');
});

test('a port that another container has must be refused with its name, and nothing be changed', async () => {
  await serve('holder', { PortBindings: { '80/tcp': random } });
  await serve('asker', { PortBindings: { '81/tcp': random } });
  const taken = await portOf('holder', '80/tcp');
  const before = [await boundOf('asker'), await askedOf('asker')];
  const wish = { PortBindingsAdd: { '80/tcp': [{ HostIp: '', HostPort: taken }] }, PortBindingsRemove: { '81/tcp': [] } };
  await assert.rejects(daemon.client.containers.update('asker', wish), { message: `cannot publish 0.0.0.0:${taken}/tcp of container asker: container holder has port 0.0.0.0:${taken}/tcp; the container is as before` });
  assert.deepEqual([await boundOf('asker'), await askedOf('asker')], before);
  await answers(await portOf('asker', '81/tcp'), 'asker');
  await answers(taken, 'holder');
  await assert.rejects(daemon.client.containers.update('asker', { PortBindingsRemove: { '80/tcp': [] } }), { message: /^container asker does not publish 80\/tcp: it publishes / });
});

test('a port must move to another port of the container in one step, and back when a limit is refused', async () => {
  await serve('mover', { PortBindings: { '80/tcp': random } });
  const port = await portOf('mover', '80/tcp');
  const exact = [{ HostIp: '', HostPort: port }];
  await daemon.client.containers.update('mover', { PortBindingsRemove: { '80/tcp': [] }, PortBindingsAdd: { '81/tcp': exact } });
  assert.deepEqual([await portOf('mover', '80/tcp'), await portOf('mover', '81/tcp')], ['', port]);
  await answers(port, 'mover');
  await assert.rejects(daemon.client.containers.update('mover', { PortBindingsRemove: { '81/tcp': [] }, PortBindingsAdd: { '80/tcp': exact }, CpusetCpus: '4000' }));
  assert.deepEqual([await portOf('mover', '80/tcp'), await portOf('mover', '81/tcp')], ['', port]);
  await answers(port, 'mover');
});

test('a stopped container must have the ports from its next start on, and one without a network of its own none', async () => {
  await serve('later');
  await daemon.client.containers.stop('later', { timeout: 0 });
  await daemon.client.containers.update('later', { PortBindingsAdd: { '80/tcp': random } });
  assert.deepEqual(await boundOf('later'), {});
  await daemon.client.containers.start('later');
  await answers(await portOf('later', '80/tcp'), 'later');
  await serve('alone', { NetworkMode: 'none' });
  await assert.rejects(daemon.client.containers.update('alone', { PortBindingsAdd: { '80/tcp': random } }), { message: 'cannot change the published ports of container alone: none of its networks can publish ports' });
  assert.equal(await askedOf('alone'), null);
});
