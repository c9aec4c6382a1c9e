/** Ports that cannot be had: Docker's texts, who has them, and nothing left behind. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { EngineError } from '#base/errors/failure.ts';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import type { NetworkController, SandboxRequest } from '#network/contract.ts';
import { ask, enterPrivateHost, eventually, publishing, sandboxRequest, succeed, TestRoot } from './private-host.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;

before(async () => {
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

/** Everything that publishing makes on the host. */
async function hostState(): Promise<{ links: string[] } & Record<string, unknown>> {
  using routes = new RouteSocket();
  return {
    elements: await succeed('nft', ['list', 'table', 'ip', 'dhow_dhow0']),
    listeners: (await succeed('ss', ['-Hltun'])).split('\n').map((line) => line.trim().split(/\s+/).slice(0, 5).join(' ')).sort(),
    namespaces: readdirSync(join(root.path, 'dhow0', 'netns')).sort(),
    links: routes.links().map(({ name }) => name).sort(),
  };
}

/** The failure of a request that must leave nothing behind; its endpoint's id stands as ID in the message. */
async function refused(request: SandboxRequest): Promise<{ message: string; holder: unknown }> {
  const { links: had, ...before } = await hostState();
  const error = await networks.create(request).then(() => assert.fail('it was not refused'), (reason: unknown) => reason);
  assert.ok(error instanceof EngineError, String(error));
  await eventually(async () => {
    const { links, ...now } = await hostState();
    assert.deepEqual(now, before);
    // Those of tests before go whenever the kernel gets round to it.
    assert.deepEqual(links.filter((name) => !had.includes(name)), []);
  });
  return { message: error.message.replace(/[0-9a-f]{64}/, 'ID'), holder: error.details['holder'] };
}

async function programWithPort(t: TestContext, host: string): Promise<number> {
  const server = createServer().listen(0, host);
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

const prefix = 'failed to set up container networking: driver failed programming external connectivity on endpoint';

test('publish must refuse a port of another container and name it', async () => {
  await networks.create(publishing('first', '8080:80'));
  assert.deepEqual(await refused(publishing('second', '8080:81')), { message: `${prefix} second (ID): Bind for 0.0.0.0:8080 failed: port is already allocated`, holder: 'container first' });
  assert.deepEqual(await refused(publishing('second', '127.0.0.1:8080:81')), { message: `${prefix} second (ID): Bind for 0.0.0.0:8080 failed: port is already allocated`, holder: 'container first' });
  assert.deepEqual(await refused(publishing('second', '[::1]:8080:81')), { message: `${prefix} second (ID): Bind for :::8080 failed: port is already allocated`, holder: 'container first' });
  networks.rename(sandboxRequest('first').containerId, 'renamed');
  assert.equal((await refused(publishing('second', '8080:81'))).holder, 'container renamed');
});

test('publish must refuse a port of another program and name the process', async (t) => {
  const holder = `process ${process.pid} (${process.execPath})`;
  const port = await programWithPort(t, '0.0.0.0');
  assert.deepEqual(await refused(publishing('web', `${port}:80`)), { message: `${prefix} web (ID): failed to bind host port for 0.0.0.0:${port}:10.77.0.3:80/tcp: address already in use`, holder });
  const six = await programWithPort(t, '::1');
  assert.deepEqual(await refused(publishing('web', `${six}:80`)), { message: `${prefix} web (ID): failed to bind host port for [::]:${six}:10.77.0.3:80/tcp: address already in use`, holder });
  const datagrams = createSocket('udp4');
  t.after(() => datagrams.close());
  datagrams.bind(0, '127.0.0.1');
  await once(datagrams, 'listening');
  const udp = datagrams.address().port;
  assert.deepEqual(await refused(publishing('web', `${udp}:80/udp`)), { message: `${prefix} web (ID): failed to bind host port for 0.0.0.0:${udp}:10.77.0.3:80/udp: address already in use`, holder });
});

test('a range must pass over ports of other programs and containers', async (t) => {
  const taken = await programWithPort(t, '0.0.0.0');
  const sandbox = await networks.create(publishing('ranged', `${taken}-${taken + 20}:80`));
  assert.notEqual(sandbox.ports['80/tcp']?.[0]?.HostPort, String(taken));
  await root.serve(sandbox.namespacePath, 'ranged', 80);
  assert.match(await ask('127.0.0.1', sandbox.ports['80/tcp']?.[0]?.HostPort ?? ''), /^ranged /);
});

test('a range that is used up must be told so', async () => {
  const { message } = await refused({ ...publishing('many', '8100-8101:80', '8100-8101:81', '8100-8101:82') });
  assert.equal(message, `${prefix} many (ID): all ports are allocated`);
});

test('an address that is not the host\'s must be refused', async () => {
  const { message, holder } = await refused(publishing('elsewhere', '192.0.2.1:8200:80'));
  assert.match(message, /: failed to bind host port for 192\.0\.2\.1:8200:10\.77\.0\.\d+:80\/tcp: cannot assign requested address$/);
  assert.equal(holder, undefined);
});

test('the same host port twice in one request must be refused', async () => {
  assert.equal((await refused(publishing('twice', '8300:80', '8300:81'))).message, `${prefix} twice (ID): Bind for 0.0.0.0:8300 failed: port is already allocated`);
  assert.equal((await refused(publishing('twice', '8300:80', '8300:80'))).message, `${prefix} twice (ID): failed to listen on TCP socket: address already in use`);
  assert.match((await refused(publishing('twice', '8300:80', '127.0.0.1:8300:80'))).message, /: (failed to listen on TCP socket|failed to bind host port for .*): address already in use$/);
});

test('an unknown protocol must be refused', async () => {
  assert.equal((await refused(publishing('odd', '8400:80/foo'))).message, `${prefix} odd (ID): unknown protocol`);
});

test('a failed start must give back the ports it had taken before it failed', async () => {
  const blocker = publishing('blocker', '8501:80');
  const held = await networks.create(blocker);
  await refused(publishing('late', '8500:80', '8501:80', '8502:80/udp'));
  await networks.destroy(blocker.containerId, held);
  const sandbox = await networks.create(publishing('late', '8500:80', '8501:80', '8502:80/udp'));
  assert.equal(sandbox.ports['80/tcp']?.length, 4);
});

test('other programs must see published ports as taken', async () => {
  await networks.create(publishing('visible', '8600:80', '8601:53/udp'));
  for (const host of ['0.0.0.0', '127.0.0.1', '::']) {
    const server = createServer().listen(8600, host);
    const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EADDRINUSE', host);
  }
  for (const [type, host] of [['udp4', '127.0.0.1'], ['udp6', '::1'], ['udp6', '::']] as const) {
    const socket = createSocket(type);
    socket.bind(8601, host);
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EADDRINUSE', host);
  }
});

test('a network that is not there must be refused when the container starts, with nothing left', async () => {
  const { message } = await refused(sandboxRequest('lost', { networkMode: 'nowhere' }));
  assert.equal(message, 'failed to set up container networking: network nowhere not found');
});

test('a sysctl that the kernel refuses must fail the start, with nothing left', async () => {
  const { message } = await refused({ ...publishing('odd', '8700:80'), sysctls: { 'net.ipv4.no_such_thing': '1' } });
  assert.equal(message, 'failed to set up container networking: write /proc/sys/net/ipv4/no_such_thing: no such file or directory');
});
