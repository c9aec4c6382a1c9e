import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { RuntimeSpecification } from '../specification/types.ts';
import { readDeviceCatalog } from './device-catalog.ts';
import { injectDevices, requestedDevices } from './inject-devices.ts';

function directories(t: TestContext, files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'dhow-cdi-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ['first', 'second']) mkdirSync(join(root, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return [join(root, 'first'), join(root, 'second'), join(root, 'missing')];
}

const yaml = `
cdiVersion: 0.6.0
kind: vendor.com/gpu
containerEdits:
  env: [DRIVER=1]
devices:
  - name: "0"
    containerEdits:
      env: [GPU=zero, PATH=/gpu]
      deviceNodes:
        - {path: /dev/gpu0, hostPath: /dev/null, permissions: rw}
      mounts:
        - {hostPath: /usr/lib, containerPath: /gpu/lib, options: [ro, rbind]}
        - {hostPath: /usr/share, containerPath: /gpu}
      hooks:
        - {hookName: createContainer, path: /bin/hook, args: [hook, x]}
      additionalGids: [44]
  - name: "1"
`;

const specification = {
  ociVersion: '1.0.2', root: { path: '/r' },
  process: { user: { uid: 7, gid: 8, additionalGids: [1] }, args: ['x'], env: ['PATH=/bin', 'A=b'], cwd: '/', capabilities: { bounding: [], effective: [], permitted: [] } },
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: [] }],
  linux: { resources: { devices: [{ allow: false, access: 'rwm' }] }, cgroupsPath: '/c', namespaces: [] },
} as RuntimeSpecification;
const nullDevice = { path: '/dev/gpu0', type: 'c', major: 1, minor: 3, fileMode: 0o600, uid: 0, gid: 0 } as const;
const source = { devicesAt: (path: string) => (path === '/dev/null' ? [nullDevice] : { reason: 'no such file or directory' }) };

test('a device must bring its nodes, rules, variables, mounts, hooks and groups, and once what goes with all of its file', async (t) => {
  const catalog = await readDeviceCatalog(directories(t, { 'first/gpu.yaml': yaml }));
  assert.deepEqual([...catalog.devices.keys()], ['vendor.com/gpu=0', 'vendor.com/gpu=1']);
  const edited = injectDevices(specification, ['vendor.com/gpu=1', 'vendor.com/gpu=0'], catalog, source);
  assert.deepEqual(edited.process.env, ['PATH=/gpu', 'A=b', 'DRIVER=1', 'GPU=zero']);
  assert.deepEqual(edited.process.user.additionalGids, [1, 44]);
  assert.deepEqual(edited.linux.devices, [{ ...nullDevice, fileMode: 0o666 }]);
  assert.deepEqual(edited.linux.resources.devices?.at(-1), { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' });
  assert.deepEqual(edited.mounts.map(({ destination, options }) => [destination, options]), [['/proc', []], ['/gpu', ['bind']], ['/gpu/lib', ['ro', 'rbind']]]);
  assert.deepEqual(edited.hooks, { createContainer: [{ path: '/bin/hook', args: ['hook', 'x'] }] });
  assert.throws(() => injectDevices(specification, ['vendor.com/gpu=0', 'a.b/c=d', 'e.f/g=h'], catalog, source), { message: 'CDI device injection failed: unresolvable CDI devices a.b/c=d, e.f/g=h' });
});

test('later directories must count more, names that stand twice in one for nothing, and bad files be told of alone', async (t) => {
  const device = (name: string, value: string): string => JSON.stringify({ cdiVersion: '0.6.0', kind: 'vendor.com/net', devices: [{ name, containerEdits: { env: [`FROM=${value}`] } }] });
  const catalog = await readDeviceCatalog(directories(t, {
    'first/a.json': device('eth0', 'first'), 'second/a.json': device('eth0', 'second'), 'second/b.json': device('twice', 'b'), 'second/c.json': device('twice', 'c'),
    'first/bad.json': '{', 'first/none.yaml': 'kind: x', 'first/node.json': JSON.stringify({ cdiVersion: '0.6.0', kind: 'v.com/c', devices: [{ name: 'x', containerEdits: { deviceNodes: [{ path: 'relative' }] } }] }), 'first/README': 'x',
  }));
  assert.deepEqual([...catalog.devices.keys()], ['vendor.com/net=eth0']);
  assert.deepEqual(injectDevices(specification, ['vendor.com/net=eth0'], catalog, source).process.env.at(-1), 'FROM=second');
  assert.deepEqual([...catalog.faults.keys()].map((path) => path.split('/').slice(-2).join('/')).sort(), ['first/bad.json', 'first/node.json', 'first/none.yaml', 'second/c.json']);
});

test('requests of this driver must name devices and nothing else', () => {
  const request = { Driver: 'cdi', Count: 0, DeviceIDs: ['a.b/c=d'], Capabilities: null, Options: null };
  assert.deepEqual(requestedDevices({ DeviceRequests: [request, { ...request, Driver: 'nvidia' }] } as never), ['a.b/c=d']);
  assert.throws(() => requestedDevices({ DeviceRequests: [{ ...request, Count: 1 }] } as never), { message: 'unexpected count in CDI device request' });
});
