import assert from 'node:assert/strict';
import test from 'node:test';
import { createdState, exitedState, failedStartState, isRunning, restartingState, startedState, viewState, withStatus } from './container-state.ts';

test('a container must go from created over running to exited with its times and code', () => {
  const running = startedState(createdState, 42, 't1');
  assert.equal(isRunning(running), true);
  assert.deepEqual([running.pid, running.startedAt], [42, 't1']);
  const exited = exitedState(running, { exitCode: 137, oomKilled: true, at: 't2', error: '' });
  assert.deepEqual(viewState(exited), {
    Status: 'exited', Running: false, Paused: false, Restarting: false, OOMKilled: true, Dead: false,
    Pid: 0, ExitCode: 137, Error: '', StartedAt: 't1', FinishedAt: 't2',
  });
});

test('a start must forget the last run’s code and error', () => {
  const failed = failedStartState(createdState, 127, 'not found');
  assert.deepEqual([failed.status, failed.exitCode, failed.error], ['created', 127, 'not found']);
  const running = startedState(failed, 1, 't');
  assert.deepEqual([running.exitCode, running.error, running.oomKilled], [0, '', false]);
});

test('a running container must not be started again', () => {
  assert.throws(() => startedState(startedState(createdState, 1, 't'), 2, 't'), /bug/);
});

test('a container between two restarts must show as restarting and running', () => {
  const state = restartingState(exitedState(startedState(createdState, 1, 't'), { exitCode: 1, oomKilled: false, at: 't', error: '' }));
  assert.deepEqual([viewState(state).Restarting, viewState(state).Running, isRunning(state)], [true, true, false]);
  assert.throws(() => restartingState(createdState), /bug/);
});

test('a paused container must count as running', () => {
  assert.equal(isRunning(withStatus(startedState(createdState, 1, 't'), 'paused')), true);
});
