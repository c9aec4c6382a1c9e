import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subnetUsage } from './subnet-usage.ts';

const container = (IPv4Address: string, IPv6Address = '') => ({ Name: 'one', EndpointID: '', MacAddress: '', IPv4Address, IPv6Address });

test('a subnet must count its edges, gateway, auxiliary addresses and containers as in use, once each', () => {
  const usage = subnetUsage({
    IPAM: { Driver: 'default', Options: null, Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1', AuxiliaryAddresses: { router: '172.18.0.2' } }, { Subnet: 'fd00:1::/120', Gateway: 'fd00:1::1' }] },
    Containers: { a: container('172.18.0.3/16', 'fd00:1::2/120'), b: container('172.18.0.4/16') },
  });
  assert.deepEqual(usage, { '172.18.0.0/16': { IPsInUse: 6, DynamicIPsAvailable: 65530 }, 'fd00:1::/120': { IPsInUse: 3, DynamicIPsAvailable: 253 } });
});

test('what is available must be counted in the range alone, and never beyond what readers hold', () => {
  const usage = (Subnet: string, IPRange: string, Gateway: string, address: string) =>
    Object.values(subnetUsage({ IPAM: { Driver: 'default', Options: null, Config: [{ Subnet, IPRange, Gateway }] }, Containers: { a: container(Subnet.includes(':') ? '' : address, Subnet.includes(':') ? address : '') } }))[0];
  assert.deepEqual(usage('10.1.0.0/24', '10.1.0.128/28', '10.1.0.1', '10.1.0.128/24'), { IPsInUse: 4, DynamicIPsAvailable: 15 });
  assert.deepEqual(usage('10.1.0.0/31', '', '10.1.0.0', '10.1.0.1/31'), { IPsInUse: 2, DynamicIPsAvailable: 0 });
  assert.deepEqual(usage('fd00:2::/48', '', 'fd00:2::1', ''), { IPsInUse: 2, DynamicIPsAvailable: Number.MAX_SAFE_INTEGER });
});
