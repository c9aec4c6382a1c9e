/** `com.docker.network.bridge.trusted_host_interfaces`: from where published ports can be reached at the containers' own addresses, with packets. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { createNetworkNamespace } from '#kernel/network-namespace.ts';
import { networkRequest } from './network-request.ts';
import { ask, hostAddress, hostAddress6, outsideAddress, outsideAddress6, playHost, publishing, succeed } from './private-host.ts';

const { root, networks, outside } = await playHost();
const trusting = { 'com.docker.network.bridge.trusted_host_interfaces': 'absent0:wan0' };

/** A machine at another interface of the host, `lan0`, which nobody trusts; it sends everything to the host. */
async function neighbour(): Promise<string> {
  const path = join(root.path, 'neighbour');
  createNetworkNamespace(path, () => {
    using inside = new RouteSocket();
    inside.configure(undefined);
  });
  await succeed('ip', ['link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path]);
  await succeed('ip', ['address', 'add', '198.19.0.1/24', 'dev', 'lan0']);
  await succeed('ip', ['link', 'set', 'lan0', 'up']);
  for (const words of [['address', 'add', '198.19.0.2/24', 'dev', 'eth0'], ['link', 'set', 'eth0', 'up'], ['route', 'add', 'default', 'via', '198.19.0.1']]) await succeed('nsenter', [`--net=${path}`, 'ip', ...words]);
  return path;
}

test('published ports must be open at containers\' own addresses from trusted interfaces, and from no other', async () => {
  const lan = await neighbour();
  await succeed('nsenter', [`--net=${outside}`, 'ip', 'route', 'add', '10.102.0.0/16', 'via', hostAddress]);
  await succeed('nsenter', [`--net=${outside}`, 'ip', '-6', 'route', 'add', 'fd02::/32', 'via', hostAddress6]);
  const config = (number: number) => [{ Subnet: `10.102.${number}.0/24` }, { Subnet: `fd02:0:${number}::/64` }];
  await networks.createNetwork(networkRequest('open', { EnableIPv6: true, config: config(1), Options: trusting }));
  await networks.createNetwork(networkRequest('shut', { EnableIPv6: true, config: config(2) }));
  const started = async (network: string, hostPort: number) => {
    const request = { ...publishing(network, `127.0.0.1:${hostPort}:80`, `[::1]:${hostPort}:80`), networkMode: network };
    const sandbox = await networks.create(request);
    for (const port of [80, 81]) await root.serve(sandbox.namespacePath, network, port, 'tcp6');
    const { address = '', six } = sandbox.endpoints[network] ?? {};
    return { request, sandbox, address, address6: six?.address ?? '' };
  };
  const open = await started('open', 8180);
  const shut = await started('shut', 8181);

  assert.equal(await ask(open.address, 80, { from: outside }), `open ::ffff:${outsideAddress}`);
  assert.equal(await ask(open.address6, 80, { from: outside }), `open ${outsideAddress6}`);
  // Not what is not published, not from elsewhere, and not on networks that trust nobody.
  for (const address of [open.address, open.address6]) assert.equal(await ask(address, 81, { from: outside }), 'timed out', address);
  assert.equal(await ask(open.address, 80, { from: lan }), 'timed out');
  for (const address of [shut.address, shut.address6]) assert.equal(await ask(address, 80, { from: outside }), 'timed out', address);
  assert.equal(await ask(open.address, 80, { from: shut.sandbox.namespacePath }), 'timed out');
  // What leaves a container is answered all the same.
  await root.serve(lan, 'lan', 7180);
  assert.match(await ask('198.19.0.2', 7180, { from: open.sandbox.namespacePath }), /^lan 198\.19\.0\.1$/);

  // Withdrawn with the container: who has its address next has published nothing.
  await networks.destroy(open.request.containerId, open.sandbox);
  const next = await networks.create({ ...publishing('next'), networkMode: 'open', endpointSettings: { IPAMConfig: { IPv4Address: open.address } } });
  await root.serve(next.namespacePath, 'next', 80);
  assert.equal(await ask(open.address, 80, { from: outside }), 'timed out');
});
