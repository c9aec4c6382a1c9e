import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from './contract.ts';
import { freeInterfaceName, waysOut } from './endpoint-order.ts';

function endpoint(id: string, more: Partial<Endpoint> = {}): Endpoint {
  return { id, networkId: id, driver: 'bridge', address: '10.0.0.2', prefixLength: 24, gateway: '10.0.0.1', macAddress: '', hostInterface: 'veth0', ...more };
}

const six = { address: 'fd00::2', prefixLength: 64, gateway: 'fd00::1' };

function ids(endpoints: Record<string, Endpoint>): (string | undefined)[] {
  const { four, six } = waysOut({ endpoints });
  return [four?.id, six?.id];
}

test('priority must decide, then the name, for each family', () => {
  assert.deepEqual(ids({ b: endpoint('b'), a: endpoint('a') }), ['a', undefined]);
  assert.deepEqual(ids({ b: endpoint('b', { gatewayPriority: 1 }), a: endpoint('a') }), ['b', undefined]);
  assert.deepEqual(ids({ a: endpoint('a', { address: '', gateway: '', six }), b: endpoint('b') }), ['b', 'a']);
});

test('an endpoint with both families must go before others of higher priority', () => {
  assert.deepEqual(ids({ a: endpoint('a', { gatewayPriority: 3 }), b: endpoint('b', { six }) }), ['b', 'b']);
});

test('without gateways there must be no way out', () => {
  assert.deepEqual(ids({ a: endpoint('a', { gateway: '', six: { ...six, gateway: '' } }) }), [undefined, undefined]);
});

test('interfaces must have the first free number of their network\'s prefix', () => {
  assert.equal(freeInterfaceName([endpoint('a', { containerInterface: 'eth0' }), endpoint('b', { containerInterface: 'web0' })], null, 'web'), 'web1');
});
