import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newNetworkRecord, type NetworkRecord } from './network-record.ts';
import { validateEndpointSettings } from './endpoint-settings.ts';

const plain = newNetworkRecord({ name: 'bridge', id: 'b', driver: 'bridge', created: '', options: {} });
const bridge: NetworkRecord = { ...plain, IPAM: { ...plain.IPAM, Config: [{ Subnet: '172.16.0.0/24' }] } };
const chosen: NetworkRecord = { ...bridge, Name: 'net', IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '10.1.1.0/24' }] }, engine: { staticSubnet: true, ownsInterface: true } };

function message(network: string | undefined, settings: Parameters<typeof validateEndpointSettings>[1], record: NetworkRecord = bridge): string {
  try {
    validateEndpointSettings(network, settings, record);
    return '';
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
}

test('a fixed address on the default bridge must be refused with Docker\'s text', () => {
  assert.equal(message('bridge', { IPAMConfig: { IPv4Address: '172.17.0.99' } }), [
    'invalid config for network bridge: invalid endpoint settings:',
    '* user specified IP address is supported on user defined networks only',
    '* no configured subnet or ip-range contain the IP address 172.17.0.99',
  ].join('\n'));
});

test('an address must be looked for among the subnets of the family it is asked for', () => {
  assert.equal(message('net', { IPAMConfig: { IPv6Address: '10.1.1.4' } }, chosen), [
    'invalid config for network net: invalid endpoint settings:',
    '* invalid IPv6 address: 10.1.1.4',
    '* user specified IP address is supported only when connecting to networks with user configured subnets',
  ].join('\n'));
  assert.equal(message('net', { IPAMConfig: { IPv4Address: 'fd00::1' } }, chosen), [
    'invalid config for network net: invalid endpoint settings:',
    '* invalid IPv4 address: fd00::1',
    '* no configured subnet or ip-range contain the IP address fd00::1',
  ].join('\n'));
});

test('a single fault must stand without a bullet', () => {
  assert.equal(message('bridge', { Aliases: ['x'] }), 'invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks');
});

test('a bad hardware address must be told first, every usual form be taken', () => {
  assert.equal(message('bridge', { MacAddress: 'bogus', Aliases: ['x'] }), 'invalid config for network bridge: invalid MAC address bogus');
  for (const MacAddress of ['92:d0:c6:0a:29:33', '92-D0-C6-0A-29-33', '92d0.c60a.2933', '']) assert.equal(message('bridge', { MacAddress }), '');
});

test('an address must lie in a subnet that the user named', () => {
  assert.equal(message('net', { IPAMConfig: { IPv4Address: '10.1.1.9' } }, chosen), '');
  assert.equal(message('net', { IPAMConfig: { IPv4Address: 'bogus' } }, chosen), [
    'invalid config for network net: invalid endpoint settings:',
    '* invalid IPv4 address: bogus',
    '* no configured subnet or ip-range contain the IP address bogus',
  ].join('\n'));
  assert.equal(message(undefined, { IPAMConfig: { IPv4Address: '10.2.2.2' } }, chosen), 'invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.2.2.2');
});

test('addresses that are none must be refused, link-local ones too', () => {
  assert.equal(message('bridge', { IPAMConfig: { IPv6Address: 'bogus' } }), [
    'invalid config for network bridge: invalid endpoint settings:',
    '* user specified IP address is supported on user defined networks only',
    '* invalid IPv6 address: bogus',
    '* user specified IP address is supported only when connecting to networks with user configured subnets',
  ].join('\n'));
  assert.equal(message('net', { IPAMConfig: { LinkLocalIPs: ['169.254.3.3', 'bogus'] } }, chosen), 'invalid config for network net: invalid endpoint settings:\ninvalid link-local IP address: bogus');
});
