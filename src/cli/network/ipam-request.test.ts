import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressingOf, type IpamFlagValues } from './ipam-request.ts';

const none: IpamFlagValues = { subnet: [], 'ip-range': [], gateway: [], 'aux-address': new Map() };

test('range, gateway and auxiliary addresses must go to the subnet they lie in', () => {
  assert.deepEqual(addressingOf({ subnet: ['10.1.0.0/24', 'fd00:1::/64'], 'ip-range': ['10.1.0.128/25'], gateway: ['fd00:1::1', '10.1.0.1'], 'aux-address': new Map([['a', '10.1.0.9']]) }), [
    { Subnet: '10.1.0.0/24', IPRange: '10.1.0.128/25', Gateway: '10.1.0.1', AuxiliaryAddresses: { a: '10.1.0.9' } },
    { Subnet: 'fd00:1::/64', Gateway: 'fd00:1::1' },
  ]);
});

for (const [flags, message] of [
  [{ gateway: ['10.1.0.1'] }, 'every ip-range or gateway must have a corresponding subnet'],
  [{ subnet: ['10.1.0.0/24'], gateway: ['10.2.0.1'] }, 'no matching subnet for gateway 10.2.0.1'],
  [{ subnet: ['10.1.0.0/24'], 'ip-range': ['10.2.0.0/25'] }, 'no matching subnet for range 10.2.0.0/25'],
  [{ subnet: ['10.1.0.0/24'], 'aux-address': new Map([['x', 'bogus']]) }, 'no matching subnet for aux-address bogus'],
  [{ subnet: ['10.1.0.0/16', '10.1.2.0/24'] }, 'multiple overlapping subnet configuration is not supported'],
  [{ subnet: ['bogus'], 'ip-range': ['10.1.0.1'] }, 'invalid CIDR address: 10.1.0.1'],
  [{ subnet: ['bogus'], gateway: ['10.1.0.1'] }, 'invalid subnet: invalid CIDR address: bogus'],
  [{ subnet: ['10.1.0.0/24', '10.2.0.0/24'], gateway: ['10.1.0.1', '10.1.0.2'] }, 'cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/24)'],
] as const) {
  test(`what cannot be must be refused: ${message}`, () => {
    assert.throws(() => addressingOf({ ...none, ...flags }), { message });
  });
}
