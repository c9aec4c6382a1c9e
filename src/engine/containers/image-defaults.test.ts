import assert from 'node:assert/strict';
import test from 'node:test';
import type { ContainerConfig } from '#schema/container-config.ts';
import { processOf, withImageDefaults } from './image-defaults.ts';

const empty: ContainerConfig = {
  Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false,
  StdinOnce: false, Env: null, Cmd: null, Image: 'x', Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: {},
};
const image = {
  Env: ['PATH=/bin', 'A=image'], Cmd: ['serve'], Entrypoint: ['/entry'], WorkingDir: '/srv', User: 'app',
  Labels: { from: 'image', both: 'image' }, ExposedPorts: { '80/tcp': {} }, Volumes: { '/data': {} }, StopSignal: 'SIGQUIT',
};

test('what the caller left open must come from the image', () => {
  const merged = withImageDefaults(empty, image);
  assert.deepEqual([merged.Entrypoint, merged.Cmd, merged.WorkingDir, merged.User, merged.StopSignal], [['/entry'], ['serve'], '/srv', 'app', 'SIGQUIT']);
  assert.deepEqual([merged.ExposedPorts, merged.Volumes], [{ '80/tcp': {} }, { '/data': {} }]);
});

test('the caller’s variables and labels must win and come first', () => {
  const merged = withImageDefaults({ ...empty, Env: ['A=own', 'B'], Labels: { both: 'own' } }, image);
  assert.deepEqual(merged.Env, ['A=own', 'B', 'PATH=/bin']);
  assert.deepEqual(merged.Labels, { from: 'image', both: 'own' });
});

test('an entrypoint of one’s own must drop the image’s command, an empty one the image’s entrypoint', () => {
  assert.deepEqual(processOf(withImageDefaults({ ...empty, Entrypoint: ['sh'] }, image)), { path: 'sh', args: [] });
  assert.deepEqual(processOf(withImageDefaults({ ...empty, Cmd: ['x', 'y'] }, image)), { path: '/entry', args: ['x', 'y'] });
  assert.deepEqual(processOf(withImageDefaults({ ...empty, Entrypoint: [''], Cmd: ['x'] }, image)), { path: 'x', args: [] });
  assert.throws(() => processOf(withImageDefaults({ ...empty, Entrypoint: [''] }, image)), /no command specified/);
});
