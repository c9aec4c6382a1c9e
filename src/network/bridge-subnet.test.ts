import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { decideBridgeSubnet, formatGateway, type SubnetCircumstances } from './bridge-subnet.ts';
import { formatSubnet, parseInterfaceAddress } from './ipv4-subnet.ts';

const nothing: SubnetCircumstances = { bip: undefined, live: [], present: undefined, recorded: null, used: [] };
const endpoint = { id: 'e', networkId: 'n', driver: 'bridge', address: '10.9.0.2', prefixLength: 24, gateway: '10.9.0.1', macAddress: '', hostInterface: '' };

function decided(more: Partial<SubnetCircumstances>): string {
  const decision = decideBridgeSubnet({ ...nothing, ...more });
  return `${formatSubnet(decision.subnet)} ${formatGateway(decision)}`;
}

function used(text: string): SubnetCircumstances['used'] {
  const parsed = parseInterfaceAddress(text);
  assert.ok(parsed !== undefined);
  return [parsed.subnet];
}

test('--bip must give subnet and gateway', () => {
  assert.equal(decided({ bip: '192.168.5.254/24' }), '192.168.5.0/24 192.168.5.254');
});

test('the subnet of running containers must win over everything', () => {
  assert.equal(decided({ bip: '192.168.5.1/24', live: [endpoint], present: { address: '172.17.0.1', prefixLength: 16 } }), '10.9.0.0/24 10.9.0.1');
});

test('an address that the bridge has already must be kept, unless --bip asks for another', () => {
  const present = { address: '172.29.0.1', prefixLength: 16 };
  assert.equal(decided({ present }), '172.29.0.0/16 172.29.0.1');
  assert.equal(decided({ present, bip: '10.0.0.1/24' }), '10.0.0.0/24 10.0.0.1');
});

test('the recorded subnet must be taken again while nothing else uses it', () => {
  const recorded = [{ Subnet: '172.20.0.0/16', Gateway: '172.20.0.1' }];
  assert.equal(decided({ recorded }), '172.20.0.0/16 172.20.0.1');
  assert.equal(decided({ recorded, used: used('172.20.4.0/24') }), '172.17.0.0/16 172.17.0.1');
});

test('a --bip that is no usable address must be refused', () => {
  for (const bip of ['bogus', '10.0.0.1', '10.0.0.0/24', '10.0.0.1/31', '10.0.0.256/24', 'fd00::1/64', '10.0.0.1/24/3']) {
    assert.throws(() => decided({ bip }), (error) => isFailure(error, 'network.invalid_bip'), bip);
  }
});

test('it must be said when no subnet is left', () => {
  assert.throws(() => decided({ used: used('0.0.0.0/0') }), (error) => isFailure(error, 'network.no_subnet'));
});
