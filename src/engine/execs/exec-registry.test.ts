import assert from 'node:assert/strict';
import test from 'node:test';
import { ExecRegistry, type Exec } from './exec-registry.ts';

const exec = (id: string, state: Exec['state'], containerId = 'here'): Exec => ({
  id, containerId, state, process: undefined, exitCode: undefined, pid: 0,
  request: { User: '', Privileged: false, Tty: false, AttachStdin: false, AttachStderr: true, AttachStdout: true, DetachKeys: '', Env: null, WorkingDir: '', Cmd: ['true'] },
});

test('execs must be kept while they run, and for one more look after their end', () => {
  const registry = new ExecRegistry((id) => id === 'here');
  const running = exec('running', 'running');
  for (const each of [running, exec('ended', 'ended'), exec('new', 'created'), exec('orphan', 'created', 'gone')]) registry.add(each);
  registry.forget();
  assert.deepEqual(['running', 'ended', 'new', 'orphan'].map((id) => registry.canBeForgotten(id)), [false, true, false, true]);
  assert.equal(registry.require('ended').state, 'ended');
  running.state = 'ended';
  registry.forget();
  for (const id of ['ended', 'orphan']) assert.throws(() => registry.require(id), /No such exec instance/);
  assert.equal(registry.require('running').id, 'running');
  registry.forget();
  assert.throws(() => registry.require('running'), /No such exec instance/);
  assert.equal(registry.require('new').id, 'new');
});
