/** What is asked of networks when a container is created, and the links of the default network: over the API, as Docker has it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;

before(async () => {
  daemon = await TestDaemon.start();
  await daemon.client.networks.create({ Name: 'lan', IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.213.9.0/24' }] } });
});
after(async () => daemon[Symbol.asyncDispose]());

async function create(name: string, more: object): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: ['sleep', '600'], ...more } as never, { name });
  return Id;
}
const networksOf = async (name: string): Promise<string[]> => Object.keys((await daemon.client.containers.inspect(name)).NetworkSettings.Networks);

test('a container must be on the networks it asks for and no other, and on that of its mode when it asks for none', async () => {
  const { client } = daemon;
  await create('asking', { NetworkingConfig: { EndpointsConfig: { lan: {} } } });
  await create('silent', {});
  await create('nothing', { NetworkDisabled: true });
  for (const [name, networks] of [['asking', ['lan']], ['silent', ['bridge']], ['nothing', []]] as const) {
    assert.deepEqual(await networksOf(name), networks);
    await client.containers.start(name);
    const { NetworkSettings, HostConfig } = await client.containers.inspect(name);
    assert.deepEqual([Object.keys(NetworkSettings.Networks), HostConfig.NetworkMode], [networks, 'bridge']);
  }
  assert.match((await client.containers.inspect('asking')).NetworkSettings.Networks['lan']?.IPAddress ?? '', /^10\.213\.9\./);
  await assert.rejects(create('empty', { NetworkingConfig: { EndpointsConfig: { lan: null } } }), { message: /^invalid config for network lan: EndpointsConfig is nil/ });
  await create('divided', { HostConfig: { NetworkMode: 'host' }, NetworkingConfig: { EndpointsConfig: { lan: {} } } });
  await assert.rejects(client.containers.start('divided'), /cannot be connected to any other network/);
});

test('only exposed ports must be published', async () => {
  const PortBindings = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] };
  await create('hidden', { HostConfig: { PortBindings } });
  await create('exposed', { HostConfig: { PortBindings }, ExposedPorts: { '80/tcp': {} } });
  for (const [name, count] of [['hidden', 0], ['exposed', 1]] as const) {
    await daemon.client.containers.start(name);
    assert.equal((await daemon.client.containers.inspect(name)).NetworkSettings.Ports['80/tcp']?.length ?? 0, count);
  }
});

test('another container\'s network must not be one\'s own, nor have addresses of its own', async () => {
  await create('donor', {});
  await assert.rejects(create('guest', { HostConfig: { NetworkMode: 'container:donor' }, NetworkingConfig: { EndpointsConfig: { 'container:donor': { IPAMConfig: { IPv4Address: '10.213.9.9' } } } } }), /user specified IP address is supported on user defined networks only/);
  await create('circle', { HostConfig: { NetworkMode: 'container:circle' } });
  await assert.rejects(daemon.client.containers.start('circle'), /^ApiError: cannot join own network namespace/);
});

test('a start that a network refuses must leave the names, how the last process ended, and nothing else', async () => {
  const { client } = daemon;
  await create('late', { Cmd: ['sh', '-c', 'exit 3'], NetworkingConfig: { EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: '10.213.9.77' } } } } });
  const { result } = await client.containers.wait('late', { condition: 'next-exit' });
  await client.containers.start('late');
  await result;
  await create('first', { NetworkingConfig: { EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: '10.213.9.77' } } } } });
  await client.containers.start('first');
  await create('second', { NetworkingConfig: { EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: '10.213.9.77' } } } } });
  for (const [name, exitCode] of [['late', 3], ['second', 128]] as const) {
    await assert.rejects(client.containers.start(name), /Address already in use/);
    const { Id, State, NetworkSettings } = await client.containers.inspect(name);
    assert.deepEqual([State.ExitCode, NetworkSettings.Networks['lan']?.DNSNames, NetworkSettings.Networks['lan']?.EndpointID], [exitCode, [name, Id.slice(0, 12)], '']);
  }
  assert.deepEqual(Object.values((await client.networks.inspect('lan')).Containers).filter(({ IPv4Address }) => IPv4Address === '10.213.9.77/24').map(({ Name }) => Name), ['first']);
});

test('a link must be a name of the other container, and be removed by it', async () => {
  const { client } = daemon;
  await create('server', {});
  await client.containers.start('server');
  await create('sharing', { HostConfig: { NetworkMode: 'container:server' } });
  await create('linked', { HostConfig: { Links: ['sharing:db'] } });
  await client.containers.start('linked');
  const linksOf = async (name: string): Promise<unknown> => (await client.containers.inspect(name)).HostConfig.Links;
  assert.deepEqual(await linksOf('linked'), ['/server:/linked/db']);
  assert.equal((await client.containers.inspect('linked/db')).Name, '/server');
  const namesOf = async (): Promise<readonly string[] | undefined> => (await client.containers.list({ all: true })).find(({ Names }) => Names.includes('/server'))?.Names;
  assert.deepEqual(await namesOf(), ['/linked/db', '/server']);
  await assert.rejects(client.containers.remove('linked/db'), /cannot remove container "linked\/db": container is running/);
  await assert.rejects(client.containers.remove('server', { link: true }), /Conflict, cannot remove the default link name/);
  await client.containers.remove('linked/db', { link: true });
  assert.deepEqual([await linksOf('linked'), await namesOf()], [null, ['/server']]);
  await assert.rejects(client.containers.inspect('linked/db'), /No such container: linked\/db/);
  await create('far', { HostConfig: { NetworkMode: 'lan' } });
  await client.containers.start('far');
  await create('reaching', { HostConfig: { Links: ['far:x'] } });
  await assert.rejects(client.containers.start('reaching'), /^ApiError: container [0-9a-f]{64} not attached to default bridge network/);
  await create('by-endpoint', { HostConfig: { NetworkMode: 'lan', Links: ['far:x'] } });
  assert.equal(await linksOf('by-endpoint'), null);
});
