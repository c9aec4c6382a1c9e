import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkInspect } from '#schema/network-views.ts';
import { filterNetworks } from './network-filters.ts';
import { newNetworkRecord } from './network-record.ts';

function network(name: string, driver: string, more: Partial<NetworkInspect> = {}): NetworkInspect {
  return { ...newNetworkRecord({ name, driver, id: `${name}0123456789`, created: '', options: {} }), Containers: {}, ...more };
}

const attached = { c: { Name: 'c', EndpointID: '', MacAddress: '', IPv4Address: '', IPv6Address: '' } };
const all = [
  network('bridge', 'bridge'),
  network('host', 'host'),
  network('none', 'null'),
  network('web', 'bridge', { Labels: { tier: 'front', empty: '' }, Containers: attached }),
  network('spare', 'bridge'),
];

function names(filters: Record<string, string[]>): string {
  return filterNetworks(all, filters).map(({ Name }) => Name).join(' ');
}

test('each filter must select as Docker does', () => {
  assert.equal(names({}), 'bridge host none web spare');
  assert.equal(names({ driver: ['host', 'null'] }), 'host none');
  assert.equal(names({ driver: ['hos'] }), '');
  assert.equal(names({ name: ['^w', 'spare'] }), 'web spare');
  assert.equal(names({ name: ['['] }), '');
  assert.equal(names({ id: ['web0'] }), 'web');
  assert.equal(names({ label: ['tier'] }), 'web');
  assert.equal(names({ label: ['tier=front', 'empty'] }), 'web');
  assert.equal(names({ label: ['tier=back'] }), '');
  assert.equal(names({ scope: ['local'] }), 'bridge host none web spare');
  assert.equal(names({ scope: ['swarm'] }), '');
  assert.equal(names({ type: ['builtin'] }), 'bridge host none');
  assert.equal(names({ type: ['custom'] }), 'web spare');
  assert.equal(names({ dangling: ['true'] }), 'spare');
  assert.equal(names({ dangling: ['0'] }), 'bridge host none web');
  assert.equal(names({ type: ['builtin'], driver: ['bridge'] }), 'bridge');
});

test('bad filters must be refused with Docker\'s texts', () => {
  const cases: [Record<string, string[]>, string, string][] = [
    [{ bogus: ['x'] }, 'network.invalid_filter', "invalid filter 'bogus'"],
    [{ type: ['foo'] }, 'network.invalid_filter_type', "invalid filter: 'type'='foo'"],
    [{ dangling: ['maybe'] }, 'network.invalid_filter_boolean', 'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'],
    [{ dangling: ['true', 'false'] }, 'network.repeated_filter', 'got more than one value for filter key "dangling"'],
  ];
  for (const [filters, code, message] of cases) {
    assert.throws(() => names(filters), (error) => error instanceof Error && 'code' in error && error.code === code && error.message === message, message);
  }
});
