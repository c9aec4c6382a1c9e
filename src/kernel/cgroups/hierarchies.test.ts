import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCgroupMounts } from './hierarchies.ts';

const own = '9:name=systemd:/\n4:memory:/user/x\n2:cpu,cpuacct:/\n1:cpuset:/\n0::/\n';
const line = (id: number, root: string, place: string, type: string, options: string): string => `${id} 31 0:${id} ${root} ${place} rw,relatime shared:5 - ${type} ${type} ${options}`;

test('every hierarchy that is mounted must be found with its controllers', () => {
  const found = parseCgroupMounts(
    [
      line(1, '/', '/sys/fs/cgroup', 'tmpfs', 'rw'),
      line(2, '/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
      line(3, '/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
      line(4, '/', '/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
      line(5, '/', '/sys/fs/cgroup/unified', 'cgroup2', 'rw'),
    ].join('\n'),
    own,
  );
  assert.deepEqual(found.hierarchies, [
    { controllers: ['cpu', 'cpuacct'], mountPoint: '/sys/fs/cgroup/cpu,cpuacct' },
    { controllers: ['memory'], mountPoint: '/sys/fs/cgroup/memory' },
    { controllers: ['name=systemd'], mountPoint: '/sys/fs/cgroup/systemd' },
  ]);
  assert.equal(found.unified, '/sys/fs/cgroup/unified');
});

test('of several mounts of a hierarchy the one with the whole tree must be taken', () => {
  const found = parseCgroupMounts(
    [line(2, '/part', '/a', 'cgroup', 'rw,memory'), line(3, '/', '/my\\040mount', 'cgroup', 'rw,memory'), line(4, '/', '/later', 'cgroup', 'rw,memory')].join('\n'),
    own,
  );
  assert.deepEqual(found.hierarchies, [{ controllers: ['memory'], mountPoint: '/my mount' }]);
});

test('a machine with the unified hierarchy alone must have no others', () => {
  const found = parseCgroupMounts([line(2, '/', '/sys/fs/cgroup', 'cgroup2', 'rw'), line(3, '/', '/elsewhere', 'cgroup2', 'rw')].join('\n'), '0::/init.scope\n');
  assert.deepEqual(found, { hierarchies: [], unified: '/sys/fs/cgroup' });
});
