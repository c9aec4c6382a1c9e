import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgroupDriverOf, driverFault } from './cgroup-driver.ts';
import { OptionValues } from './option-sources.ts';

const able = { running: true, unified: true };

function values(driver: string, parent?: string): OptionValues {
  return new OptionValues(new Map([['exec-opt', [`native.cgroupdriver=${driver}`]], ...(parent === undefined ? [] : [['cgroup-parent', [parent]] as const])]), {});
}

test('the driver must be cgroupfs unless systemd is named', () => {
  assert.equal(cgroupDriverOf(new OptionValues(new Map(), {})), 'cgroupfs');
  assert.equal(cgroupDriverOf(values('cgroupfs')), 'cgroupfs');
  assert.equal(cgroupDriverOf(values('systemd')), 'systemd');
  assert.equal(cgroupDriverOf(new OptionValues(new Map(), { 'exec-opts': ['native.cgroupdriver=systemd'] })), 'systemd');
});

test('systemd must be refused where it cannot make cgroups', () => {
  assert.equal(driverFault(values('systemd'), able), undefined);
  assert.equal(driverFault(values('systemd', 'a-b.slice'), able), undefined);
  assert.match(driverFault(values('systemd'), { ...able, running: false }) ?? '', /^systemd not running on this host, cannot use systemd cgroups manager/);
  assert.match(driverFault(values('systemd'), { ...able, unified: false }) ?? '', /requires cgroup v2/);
  assert.equal(driverFault(values('systemd', '/foo'), able), 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
  assert.equal(driverFault(values('cgroupfs', '/foo'), { running: false, unified: false }), undefined);
});

test('drivers that there are not must be refused in the words of dockerd', () => {
  assert.equal(driverFault(values('none'), able), 'native.cgroupdriver option none is internally used and cannot be specified manually');
  assert.equal(driverFault(values('bogus'), able), 'native.cgroupdriver option bogus not supported');
});
