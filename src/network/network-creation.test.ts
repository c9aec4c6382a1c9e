import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkAddressing, NetworkCreateRequest } from '#schema/network-views.ts';
import { recordFromRequest } from './network-creation.ts';
import { bridgeOption } from './network-record.ts';

const empty: NetworkCreateRequest = { Name: 'net', Driver: '', Scope: '', EnableIPv4: null, EnableIPv6: null, IPAM: null, Internal: false, Attachable: false, Ingress: false, ConfigOnly: false, ConfigFrom: null, Options: null, Labels: null };
const withConfig = (...Config: NetworkAddressing[]): Partial<NetworkCreateRequest> => ({ IPAM: { Driver: 'default', Options: null, Config } });

/** What is asked and what Docker 28.5 answered. */
const refusals: readonly (readonly [Partial<NetworkCreateRequest>, string])[] = [
  [{ Name: '' }, 'invalid name: name is empty'],
  [{ Name: '  ' }, 'invalid name: name is empty'],
  [{ Name: 'none' }, 'operation is not permitted on predefined none network '],
  [{ Name: 'default' }, 'operation is not permitted on predefined default network '],
  [{ EnableIPv4: false }, 'IPv4 or IPv6 must be enabled'],
  [{ Ingress: true }, 'Ingress network can only be global scope network'],
  [{ ConfigFrom: { Network: 'nope' } }, 'configuration network "nope" does not exist'],
  [{ Driver: 'host' }, 'only one instance of "host" network is allowed'],
  [{ Driver: 'bogus' }, 'plugin "bogus" not found'],
  [{ IPAM: { Driver: 'bogus', Options: null, Config: null } }, 'plugin "bogus" not found'],
  [withConfig({ Subnet: 'bogus' }), 'invalid network config:\ninvalid subnet bogus: invalid CIDR block notation'],
  [withConfig({ Gateway: '10.77.0.1' }), 'invalid network config:\ninvalid subnet : invalid CIDR block notation'],
  [withConfig({ Subnet: '10.77.0.7/24' }), 'invalid network config:\ninvalid subnet 10.77.0.7/24: it should be 10.77.0.0/24'],
  [withConfig({ Subnet: '10.77.0.0/24', Gateway: '10.78.0.1' }), "invalid network config:\ninvalid gateway 10.78.0.1: parent subnet 10.77.0.0/24 doesn't contain this address"],
  [withConfig({ Subnet: '10.77.0.0/24', IPRange: '10.77.0.3/25' }), 'invalid network config:\ninvalid ip-range 10.77.0.3/25: it should be 10.77.0.0/25'],
  [
    withConfig({ Subnet: '10.77.0.0/24', Gateway: 'bogus', IPRange: '10.79.0.0/24', AuxiliaryAddresses: { a: 'x', b: '10.80.0.1' } }),
    [
      'invalid network config:',
      "* invalid ip-range 10.79.0.0/24: parent subnet 10.77.0.0/24 doesn't contain ip-range",
      '* invalid gateway bogus: invalid address',
      '* invalid auxiliary address a: invalid address',
      "* invalid auxiliary address b: parent subnet 10.77.0.0/24 doesn't contain this address",
    ].join('\n'),
  ],
  [withConfig({ Subnet: '10.77.0.0/24' }, { Subnet: '10.78.0.0/24' }), "bridge driver doesn't support multiple subnets"],
  [withConfig({ Subnet: '0.0.0.0/0' }), 'ipv4 pool is empty'],
  [{ EnableIPv6: true, ...withConfig({ Subnet: '::/0' }) }, 'ipv6 pool is empty'],
  [{ Options: { [bridgeOption.enable]: 'false' } }, 'IPv4 or IPv6 must be enabled'],
  [{ Options: { [bridgeOption.enable6]: 'maybe' } }, 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool'],
  [{ Options: { [bridgeOption.betweenContainers]: 'maybe' } }, 'failed to parse com.docker.network.bridge.enable_icc value: maybe (strconv.ParseBool: parsing "maybe": invalid syntax)'],
  [{ Options: { [bridgeOption.mtu]: 'bogus' } }, 'failed to parse com.docker.network.driver.mtu value: bogus (strconv.Atoi: parsing "bogus": invalid syntax)'],
  [{ Options: { [bridgeOption.mtu]: '-5' } }, 'invalid MTU number: -5'],
  [{ Options: { [bridgeOption.gatewayMode]: 'x' } }, 'failed to parse com.docker.network.bridge.gateway_mode_ipv4 value: x (unknown gateway mode x)'],
  [{ Options: { [bridgeOption.interface]: 'waytoolonginterfacename' } }, 'numerical result out of range'],
];

for (const [wish, message] of refusals) {
  test(`create must refuse ${JSON.stringify(wish)} in Docker's words`, () => {
    assert.throws(() => recordFromRequest({ ...empty, ...wish }, []), { message });
  });
}

test('a record must show what was asked, and know whether the subnet was', () => {
  const plain = recordFromRequest({ ...empty, Options: { a: 'b' }, Labels: { l: '1' }, Internal: true }, []);
  assert.deepEqual([plain.Driver, plain.Scope, plain.Options, plain.Labels, plain.Internal, plain.IPAM.Config, plain.engine?.staticSubnet], ['bridge', 'local', { a: 'b' }, { l: '1' }, true, null, false]);
  const config = { Subnet: '10.77.0.0/24', AuxiliaryAddresses: { a: '10.77.0.9' } };
  const fixed = recordFromRequest({ ...empty, ...withConfig(config) }, []);
  assert.deepEqual([fixed.IPAM.Config, fixed.engine?.staticSubnet], [[config], true]);
  assert.throws(() => recordFromRequest({ ...empty, Name: 'all', ...withConfig({ Subnet: '0.0.0.0/0' }) }, [fixed]), { message: 'invalid pool request: Pool overlaps with other one on this address space' });
  assert.throws(() => recordFromRequest(empty, [fixed]), { message: 'network with name net already exists' });
  assert.throws(() => recordFromRequest({ ...empty, Name: 'other', ...withConfig({ Subnet: '10.77.0.128/25' }) }, [fixed]), { message: 'invalid pool request: Pool overlaps with other one on this address space' });
});

test('driver options must enable families where the request itself says nothing', () => {
  const byOption = recordFromRequest({ ...empty, Options: { [bridgeOption.enable6]: '1' } }, []);
  assert.deepEqual([byOption.EnableIPv4, byOption.EnableIPv6, byOption.Options], [true, true, { [bridgeOption.enable6]: '1' }]);
  const byRequest = recordFromRequest({ ...empty, EnableIPv6: false, Options: { [bridgeOption.enable6]: 'true', a: 'b' } }, []);
  assert.deepEqual([byRequest.EnableIPv6, byRequest.Options], [false, { a: 'b' }]);
});

test('maps must be kept in the order of their keys, as Docker shows them', () => {
  const letters = { b: '1', a: '2', c: '3' };
  const record = recordFromRequest({ ...empty, Options: letters, Labels: letters, IPAM: { Driver: '', Options: letters, Config: [{ Subnet: '10.77.0.0/24', AuxiliaryAddresses: { b: '10.77.0.2', a: '10.77.0.3' } }] } }, []);
  assert.deepEqual([record.Options, record.Labels, record.IPAM.Options, record.IPAM.Config?.[0]?.AuxiliaryAddresses].map((map) => Object.keys(map ?? {}).join('')), ['abc', 'abc', 'abc', 'ab']);
});
