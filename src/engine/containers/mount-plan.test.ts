import assert from 'node:assert/strict';
import test from 'node:test';
import type { ContainerConfig, HostConfig, MountRequest } from '#schema/container-config.ts';
import type { ContainerRecord } from './container-record.ts';
import { markUnnamed, readMounts } from './mount-plan.ts';

const none = (reference: string): ContainerRecord => {
  throw new Error(`No such container: ${reference}`);
};
const plan = (host: Partial<HostConfig>, config: Partial<ContainerConfig> = {}) =>
  readMounts({ Volumes: null, ...config } as ContainerConfig, { Binds: null, VolumesFrom: null, VolumeDriver: '', ...host } as HostConfig, new Map([['/tmp', 'there'], ['/', 'there']]), none);

test('a source that is a path must be a bind, another a volume', () => {
  const [bind, volume] = plan({ Binds: ['/a//b/:/x/../c:ro,rslave', 'data:/d'] });
  assert.deepEqual(bind?.point, { Type: 'bind', Source: '/a/b', Destination: '/c', Mode: 'ro,rslave', RW: false, Propagation: 'rslave' });
  assert.equal(bind.makeSource, true);
  assert.deepEqual(volume?.point, { Type: 'volume', Name: 'data', Source: '', Destination: '/d', Mode: 'z', RW: true, Propagation: '' });
  assert.equal(volume.copyUp, true);
});

test('volumes of the image must be made where nothing else is mounted', () => {
  const mounts = plan({ Binds: ['/a:/one'], Tmpfs: { '/two': '' } }, { Volumes: { '/one': {}, '/two': {}, '/three/': {} } });
  assert.deepEqual(mounts.map(({ point, anonymous }) => [point.Type, point.Destination, anonymous]), [['bind', '/one', false], ['volume', '/three', true]]);
});

test('bad specifications must be refused with Docker’s texts', () => {
  for (const [bind, text] of [
    ['/a:b', "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute"],
    ['/a:/', "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"],
    ['/a:ro,z', "invalid volume specification: '/a:ro,z'"],
    ['/a:/b:bogus', 'invalid mode: bogus'],
    ['/a:/b:ro,rw', 'invalid mode: ro,rw'],
  ] as const) {
    assert.throws(() => plan({ Binds: [bind] }), { message: text });
  }
  assert.throws(() => plan({ Binds: ['/a:/c', '/b:/c/'] }), { message: 'Duplicate mount point: /c' });
  for (const [mount, text] of [
    [{ Type: 'bind', Target: '/s' }, 'invalid mount config for type "bind": field Source must not be empty'],
    [{ Type: 'bind', Source: '/no/such/source', Target: '/s' }, 'invalid mount config for type "bind": bind source path does not exist: /no/such/source'],
    [{ Type: 'tmpfs', Source: 'x', Target: '/s' }, 'invalid mount config for type "tmpfs": field Source must not be specified'],
    [{ Type: 'volume', Source: 'x', Target: 's' }, 'invalid mount config for type "volume": invalid mount path: \'s\' mount path must be absolute'],
    [{ Type: 'volume', Source: 'x', Target: '/s', VolumeOptions: { Subpath: '../up' } }, 'invalid mount config for type "volume": subpath must be a relative path within the volume'],
  ] as [MountRequest, string][]) {
    assert.throws(() => plan({ Mounts: [mount] }), { message: text });
  }
});

test('labels of an unnamed volume must be shown with the one that tells that it has no name', () => {
  const unnamed: MountRequest = { Type: 'volume', Target: '/d', VolumeOptions: { Labels: { a: 'b' } } };
  const others: MountRequest[] = [{ Type: 'volume', Target: '/d' }, { ...unnamed, Source: 'named' }, { Type: 'tmpfs', Target: '/d' }];
  assert.deepEqual(markUnnamed([unnamed, ...others]), [{ ...unnamed, VolumeOptions: { Labels: { a: 'b', 'com.docker.volume.anonymous': '' } } }, ...others]);
});
