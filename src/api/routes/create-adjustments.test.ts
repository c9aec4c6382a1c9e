import assert from 'node:assert/strict';
import test from 'node:test';
import type { CreateRequest } from '#schema/container-config.ts';
import { decodeCreateRequest } from '../body/create-request.ts';
import { parseJson } from '../body/parse-json.ts';
import { ApiVersion } from '../requests/api-version.ts';
import { adjustCreateRequest } from './create-adjustments.ts';

function adjust(minor: number, body: object): { request: CreateRequest; warnings: string[] } {
  const request = decodeCreateRequest(parseJson(JSON.stringify({ Image: 'x', ...body })));
  return { warnings: adjustCreateRequest(request, new ApiVersion(minor)), request };
}

const refusal = (minor: number, body: object) => (): unknown => adjust(minor, body);

test('the default network must be called bridge, with the settings meant for it', () => {
  const { request } = adjust(51, { HostConfig: { NetworkMode: 'default' }, NetworkingConfig: { EndpointsConfig: { default: { MacAddress: 'm' } } } });
  assert.equal(request.HostConfig.NetworkMode, 'bridge');
  assert.deepEqual(Object.keys(request.NetworkingConfig.EndpointsConfig ?? {}), ['bridge']);
  assert.equal(adjust(51, {}).request.HostConfig.NetworkMode, 'bridge');
  assert.equal(adjust(51, { HostConfig: { NetworkMode: 'own' } }).request.HostConfig.NetworkMode, 'own');
});

test('what came with later versions must be ignored for earlier ones', () => {
  const host = { AutoRemove: true, ConsoleSize: [1, 2], Annotations: { a: 'b' }, PidsLimit: -1 };
  const old = adjust(24, { HostConfig: host, Healthcheck: { StartInterval: 5, Interval: 6 } }).request;
  assert.deepEqual([old.HostConfig.AutoRemove, old.HostConfig.ConsoleSize, old.HostConfig.Annotations, old.HostConfig.IpcMode, old.Healthcheck], [false, [0, 0], undefined, 'shareable', { Interval: 6 }]);
  const now = adjust(51, { HostConfig: host, Healthcheck: { StartInterval: 5 } }).request;
  assert.deepEqual([now.HostConfig.AutoRemove, now.HostConfig.ConsoleSize, now.HostConfig.Annotations, now.HostConfig.IpcMode, now.Healthcheck], [true, [1, 2], { a: 'b' }, '', { StartInterval: 5 }]);
  assert.equal(now.HostConfig.PidsLimit, null);
});

test('options of another kind of mount must be refused from 1.42 on and dropped before', () => {
  const mounts = (mount: object): object => ({ HostConfig: { Mounts: [mount] } });
  assert.throws(refusal(42, mounts({ Type: 'bind', VolumeOptions: {} })), { message: 'VolumeOptions must not be specified on mount type "bind"' });
  assert.throws(refusal(51, mounts({ Type: 'volume', BindOptions: {} })), { message: 'BindOptions must not be specified on mount type "volume"' });
  assert.throws(refusal(51, mounts({ Type: 'bind', TmpfsOptions: {} })), { message: 'TmpfsOptions must not be specified on mount type "bind"' });
  assert.deepEqual(adjust(41, mounts({ Type: 'tmpfs', VolumeOptions: { NoCopy: true } })).request.HostConfig.Mounts, [{ Type: 'tmpfs' }]);
  assert.throws(refusal(44, mounts({ Type: 'volume', VolumeOptions: { Subpath: 'x' } })), { message: 'VolumeOptions.Subpath needs API v1.45 or newer' });
  assert.throws(refusal(47, mounts({ Type: 'image' })), { message: 'Mount type "Image" needs API v1.48 or newer' });
  assert.throws(refusal(43, mounts({ Type: 'bind', BindOptions: { ReadOnlyForceRecursive: true } })), { message: 'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer' });
  assert.deepEqual(adjust(43, mounts({ Type: 'bind', Source: '/x' })).request.HostConfig.Mounts?.[0]?.BindOptions, { ReadOnlyNonRecursive: true });
});

test('several networks must be refused before 1.44', () => {
  const body = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } };
  assert.throws(refusal(43, body), { message: 'Container cannot be created with multiple network endpoints: a, b' });
  adjust(44, body);
});

test('a container’s MAC address must go to its network, with a warning from 1.44 on', () => {
  const body = { MacAddress: 'm', HostConfig: { NetworkMode: 'own' } };
  for (const [minor, warnings] of [[43, 0], [44, 1]] as const) {
    const result = adjust(minor, body);
    assert.equal(result.request.NetworkingConfig.EndpointsConfig?.['own']?.MacAddress, 'm');
    assert.equal(result.warnings.length, warnings);
  }
  assert.throws(refusal(43, { MacAddress: 'm', HostConfig: { NetworkMode: 'host' } }), { message: 'conflicting options: mac-address and the network mode' });
  assert.throws(refusal(51, { ...body, NetworkingConfig: { EndpointsConfig: { own: { MacAddress: 'n' } } } }), {
    message: 'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
  });
  assert.throws(refusal(51, { ...body, NetworkingConfig: { EndpointsConfig: { other: {} } } }), {
    message: 'unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks',
  });
});

test('sysctls of an interface must go to its endpoint before 1.48 and be refused from then on', () => {
  const body = { HostConfig: { Sysctls: { 'net.ipv4.conf.eth0.forwarding': '1', 'net.ipv4.ip_forward': '1' } } };
  const { request, warnings } = adjust(47, body);
  assert.deepEqual(request.HostConfig.Sysctls, { 'net.ipv4.ip_forward': '1' });
  assert.deepEqual(request.NetworkingConfig.EndpointsConfig?.['bridge']?.DriverOpts, { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.forwarding=1' });
  assert.deepEqual(warnings, ['Migrated sysctl "net.ipv4.conf.eth0.forwarding" to DriverOpts{"com.docker.network.endpoint.sysctls":"net.ipv4.conf.IFNAME.forwarding=1"}.']);
  assert.throws(refusal(48, body), {
    message: `interface specific sysctl setting "net.ipv4.conf.eth0.forwarding" must be supplied using driver option 'com.docker.network.endpoint.sysctls'`,
  });
});

test('a volume driver that mounts do not use must be warned of', () => {
  const body = { HostConfig: { VolumeDriver: 'x', Mounts: [{ Type: 'volume', Target: '/a' }] } };
  assert.equal(adjust(48, body).warnings.length, 1);
  assert.equal(adjust(47, body).warnings.length, 0);
});
