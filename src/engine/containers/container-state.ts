/**
 * The life cycle of a container as pure transitions.
 *
 *     created ──start──► running ──exit──► exited ──start──► running
 *                          │ ▲                │
 *                     pause▼ │unpause         └─restart policy─► restarting ──► running
 *                         paused
 *     any but running ──remove──► removing ──► (gone)   or, when that fails, dead
 */
import { invariant } from '#base/errors/failure.ts';
import { formatTimestamp, timestampNow, zeroTimestamp } from '#base/timestamp.ts';
import { startingHealth, unwatchedHealth, type Health } from '../health/health-state.ts';
import type { ContainerStateView, ContainerStatus } from '#schema/container-config.ts';

export interface ContainerState {
  readonly status: ContainerStatus;
  /** 0 unless running or paused. */
  readonly pid: number;
  readonly exitCode: number;
  readonly error: string;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** From the first start of a container with a health check on. */
  readonly health?: Health;
}

export const createdState: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: zeroTimestamp,
  finishedAt: zeroTimestamp,
};

/** A process exists: running, or held by the freezer. */
export function isRunning(state: ContainerState): boolean {
  return state.status === 'running' || state.status === 'paused';
}

export function startedState(state: ContainerState, pid: number, at: string): ContainerState {
  invariant(!isRunning(state) && state.status !== 'removing', `start of a container that is ${state.status}`);
  return { ...state, status: 'running', pid, exitCode: 0, error: '', oomKilled: false, startedAt: at };
}

/** `StartedAt` by the nanoseconds that a shim tells. */
export function startTimestamp(nanoseconds: bigint | undefined): string {
  return nanoseconds === undefined ? timestampNow() : formatTimestamp(nanoseconds);
}

/** A start that failed leaves the container as it was, with the reason. */
export function failedStartState(state: ContainerState, exitCode: number, error: string): ContainerState {
  return { ...state, status: state.status === 'restarting' ? 'exited' : state.status, pid: 0, exitCode, error };
}

/** `error`: why it ended, when that was not the process's doing; empty otherwise. */
export function exitedState(state: ContainerState, exit: { exitCode: number; oomKilled: boolean; at: string; error: string }): ContainerState {
  return { ...state, status: 'exited', pid: 0, exitCode: exit.exitCode, oomKilled: exit.oomKilled, finishedAt: exit.at, error: exit.error };
}

/** Ended, and waiting for its restart policy's next try. */
export function restartingState(state: ContainerState): ContainerState {
  invariant(state.status === 'exited', `restart of a container that is ${state.status}`);
  return { ...state, status: 'restarting' };
}

/** With the health a start begins with. */
export function withStartingHealth(state: ContainerState): ContainerState {
  return { ...state, health: startingHealth(state.health) };
}

/** Nobody probes it any more: paused, or ended. */
export function withUnwatchedHealth(state: ContainerState): ContainerState {
  return state.health === undefined ? state : { ...state, health: unwatchedHealth(state.health) };
}

export function withStatus(state: ContainerState, status: 'running' | 'paused' | 'exited' | 'removing' | 'dead'): ContainerState {
  return { ...state, status };
}

/** `State` of inspect, API 1.51. */
export function viewState(state: ContainerState): ContainerStateView {
  const running = isRunning(state) || state.status === 'restarting';
  return {
    Status: state.status,
    Running: running,
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: state.status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(state.health !== undefined && { Health: { Status: state.health.status, FailingStreak: state.health.failingStreak, Log: [...state.health.log] } }),
  };
}
