import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isScope, isSliceName, propertiesOf, scopePath, scopePathOf, scopeRequest } from './systemd-scopes.ts';

test('a slice must lie below those that its name names', () => {
  assert.equal(scopePath('system.slice', 'abc'), '/system.slice/docker-abc.scope');
  assert.equal(scopePath('a-b-c.slice', 'abc'), '/a.slice/a-b.slice/a-b-c.slice/docker-abc.scope');
  assert.equal(scopePath('-.slice', 'abc'), '/docker-abc.scope');
  assert.equal(scopePathOf(scopeRequest('a-b.slice', 'abc')), scopePath('a-b.slice', 'abc'));
  for (const other of ['/dhow/abc', 'system.slice:libpod:abc', 'system.slice:docker:a:b', '']) assert.equal(scopePathOf(other), undefined, other);
});

test('names that systemd takes for no slice must be told', () => {
  for (const name of ['system.slice', 'a-b.slice', '-.slice', 'a.b.slice']) assert.ok(isSliceName(name), name);
  for (const name of ['.slice', 'foo', '/foo.slice', 'a/b.slice', 'a--b.slice', '-a.slice', 'a-.slice', 'foo.scope', '']) assert.ok(!isSliceName(name), name);
});

test('scopes must be told from cgroups of the engine itself', () => {
  assert.ok(isScope('/system.slice/docker-abc.scope'));
  assert.ok(!isScope('/dhow/abc'));
  assert.ok(!isScope('/docker-abc.scope/abc'));
});

test('limits must be told to systemd in its own words', () => {
  assert.deepEqual(propertiesOf({}), []);
  assert.deepEqual(propertiesOf({ memory: { limit: 100, swap: 150, reservation: -1 }, pids: { limit: 0 } }), ['MemorySwapMax=50', 'MemoryMax=100', 'MemoryLow=infinity', 'TasksMax=infinity']);
  assert.deepEqual(propertiesOf({ cpu: { quota: 25_000, period: 50_000, cpus: '0-1', shares: 1024 } }), ['CPUWeight=39', 'CPUQuotaPeriodSec=50000us', 'CPUQuota=50.00%', 'AllowedCPUs=0-1']);
  assert.deepEqual(propertiesOf({ cpu: { quota: -1 } }), ['CPUQuotaPeriodSec=100000us', 'CPUQuota=']);
});
