/** What a container may ask of its place in a network beside address and names, and how what cannot be is refused. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RouteSocket } from '#kernel/netlink/route-socket.ts';
import { inNetworkNamespace } from '#kernel/network-namespace.ts';
import { readSysctl } from '#kernel/sysctl.ts';
import type { NetworkController, Sandbox } from '#network/contract.ts';
import type { EndpointSettings } from '#schema/container-config.ts';
import { ask, enterPrivateHost, eventually, sandboxRequest, TestRoot } from './private-host.ts';
import { networkRequest } from './network-request.ts';

await enterPrivateHost();
const root = new TestRoot();
let networks: NetworkController;

before(async () => {
  networks = root.controller('dhow0', { settings: { bip: '10.77.0.1/24' } });
  await networks.start([]);
  for (const [name, subnet] of [['one', '10.81.0.0/24'], ['two', '10.82.0.0/24']] as const) {
    await networks.createNetwork(networkRequest(name, { subnet }));
  }
});

after(async () => {
  await networks[Symbol.asyncDispose]();
  await root[Symbol.asyncDispose]();
});

const sysctls = (text: string): Partial<EndpointSettings> => ({ DriverOpts: { 'com.docker.network.endpoint.sysctls': text } });
const named = (name: string): Partial<EndpointSettings> => ({ DriverOpts: { 'com.docker.network.endpoint.ifname': name } });
const start = (name: string, endpointSettings: Partial<EndpointSettings>): Promise<Sandbox> => networks.create(sandboxRequest(name, { networkMode: 'one', endpointSettings }));
const stop = (name: string, sandbox: Sandbox): Promise<void> => networks.destroy(sandboxRequest(name).containerId, sandbox);
const addressesIn = (sandbox: Sandbox): string[] => inNetworkNamespace(sandbox.namespacePath, () => {
  using routes = new RouteSocket();
  return routes.addresses().map(({ address, prefixLength }) => `${address}/${prefixLength}`);
});

test('addresses of the link must be had beside the own one, and be reached by neighbours that have such', async () => {
  const one = await start('one', { IPAMConfig: { LinkLocalIPs: ['169.254.7.7'] } });
  const two = await start('two', { IPAMConfig: { LinkLocalIPs: ['169.254.8.8'] } });
  assert.deepEqual(addressesIn(one), ['127.0.0.1/8', '10.81.0.2/24', '169.254.7.7/16']);
  await root.serve(one.namespacePath, 'one', 80);
  assert.equal(await ask('169.254.7.7', 80, { from: two.namespacePath }), 'one 169.254.8.8');
  await stop('one', one);
  await stop('two', two);
});

test('settings of the interface must be made under whatever name it has', async () => {
  const sandbox = await start('set', { DriverOpts: { ...named('lan0').DriverOpts, ...sysctls('net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.ifname.rp_filter=2').DriverOpts } });
  const read = (name: string): string | undefined => inNetworkNamespace(sandbox.namespacePath, () => readSysctl(`net/ipv4/conf/lan0/${name}`));
  assert.deepEqual([read('log_martians'), read('rp_filter')], ['1', '2']);
  await stop('set', sandbox);
});

test('what the kernel refuses of an interface must be told in Docker\'s words, at a start and on a running container, with nothing left', async () => {
  const running = await networks.create(sandboxRequest('running'));
  const { containerId } = sandboxRequest('running');
  using routes = new RouteSocket();
  // What earlier tests had goes whenever the kernel gets round to it.
  const had = new Set(routes.links().map(({ name }) => name));
  for (const [settings, reason] of [
    [{ MacAddress: '01:02:03:04:05:06' }, 'error setting interface "VETH" MAC to "01:02:03:04:05:06": cannot assign requested address'],
    [named('lo'), 'error renaming interface "VETH" to "lo": file exists'],
    [named('eth0'), 'error renaming interface "VETH" to "eth0": file exists'],
    [named('sixteen-letters-'), 'error renaming interface "VETH" to "sixteen-letters-": numerical result out of range'],
    [named('a/b'), 'error renaming interface "VETH" to "a/b": invalid argument'],
    [sysctls('net.ipv4.conf.IFNAME.absent=1'), '/proc/sys/net/ipv4/conf/IF/absent is not a sysctl file'],
    [sysctls('net.ipv4.conf.IFNAME.log_martians=x'), 'unable to write to \'/proc/sys/net/ipv4/conf/IF/log_martians\': write /proc/sys/net/ipv4/conf/IF/log_martians: invalid argument'],
  ] as const) {
    const told = (interfaceName: string): RegExp => new RegExp(`^failed to add interface veth[0-9a-f]{7} to sandbox: ${reason.replaceAll('VETH', 'veth[0-9a-f]{7}').replaceAll('/IF/', `/${interfaceName}/`)}$`);
    const failing = networks.connect(containerId, { ...sandboxRequest('running'), network: 'two', settings });
    await assert.rejects(failing, (error: Error) => told('eth1').test(error.message), reason);
    if (settings.DriverOpts?.['com.docker.network.endpoint.ifname'] === 'eth0') continue;
    await assert.rejects(start('starting', settings), (error: Error) => told('eth0').test(error.message.replace('failed to set up container networking: ', '')), reason);
    await eventually(() => assert.deepEqual(routes.links().map(({ name }) => name).filter((name) => !had.has(name)), []));
    assert.deepEqual(Object.keys(networks.inspect('two').Containers), []);
  }
  // The address that was given is free again.
  const after = await networks.connect(containerId, { ...sandboxRequest('running'), network: 'two', settings: undefined });
  assert.equal(after.endpoints['two']?.address, '10.82.0.2');
  await stop('running', running);
});
