/**
 * What a client knows of a container whose daemon is killed again and again: what was answered is certain,
 * what was under way may have happened or not.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import type { ContainerInspect } from '#schema/container-config.ts';

export type Existence = 'maybe' | 'yes' | 'maybe gone' | 'gone';

export interface Workload {
  /** Lines it prints before it ends by itself; undefined: it waits for SIGTERM. */
  readonly lines: number | undefined;
  readonly exitCode: number;
}

/** Prints `begin`, its lines and `end`; or `begin`, and `end` when it is asked to end. */
export function commandOf({ lines, exitCode }: Workload): string[] {
  const body = lines === undefined
    ? `trap 'echo end; exit ${exitCode}' TERM; echo begin; sleep 3600 & wait`
    : `echo begin; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line $i; usleep 1000; done; echo end; exit ${exitCode}`;
  return ['sh', '-c', body];
}

export class ExpectedContainer {
  readonly label: string;
  readonly workload: Workload;
  readonly autoRemove: boolean;
  readonly restarts: boolean;
  id = '';
  existence: Existence = 'maybe';
  /** Published, of the machine; 0: none. */
  port = 0;
  /** One, or two while a rename is under way. */
  names: string[];
  /** Starts that were answered, and starts that were asked for. */
  starts = { least: 0, most: 0 };
  /** Something that ends it was asked for. */
  signalled = false;

  constructor(options: { label: string; name: string; workload: Workload; autoRemove: boolean; restarts: boolean }) {
    this.label = options.label;
    this.names = [options.name];
    this.workload = options.workload;
    this.autoRemove = options.autoRemove;
    this.restarts = options.restarts;
  }

  /** The container has to be there, or must not be; what was uncertain is certain afterwards. */
  settleExistence(found: boolean): void {
    const mayBeGone = this.existence !== 'yes' || (this.autoRemove && this.starts.most > 0);
    if (found) assert.notEqual(this.existence, 'gone', `container ${this.label} was removed and is there again`);
    else assert.ok(mayBeGone, `container ${this.label} is lost`);
    this.existence = found ? 'yes' : 'gone';
  }

  /** Its state is the machine's, its runs are those that were asked for. */
  checkState(inspect: ContainerInspect): void {
    const { State } = inspect;
    const what = `container ${this.label} (${JSON.stringify(State)})`;
    assert.ok(['created', 'running', 'paused', 'exited', 'restarting'].includes(State.Status), what);
    assert.ok(this.names.includes(inspect.Name.slice(1)), `${what} is called ${inspect.Name}, not ${this.names.join(' or ')}`);
    this.names = [inspect.Name.slice(1)];
    if (this.starts.least > 0) assert.notEqual(State.Status, 'created', `${what} was started`);
    if (State.Status === 'running' || State.Status === 'paused') {
      assert.ok(existsSync(`/proc/${State.Pid}`), `${what} runs`);
      assert.match(readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8'), new RegExp(inspect.Id), `${what} is in its cgroup`);
    } else {
      assert.equal(State.Pid, 0, what);
    }
    if (State.Status !== 'exited') return;
    assert.ok(this.starts.most > 0, `${what} was never started`);
    assert.equal(State.Error, '', what);
    const codes = this.signalled ? [this.workload.exitCode, 137, 143] : [this.workload.exitCode];
    assert.ok(codes.includes(State.ExitCode), `${what} must have ended with ${codes.join(' or ')}`);
    assert.ok(State.FinishedAt >= State.StartedAt, what);
  }

  /** Every line of every run is there once and in order. */
  checkOutput(log: string, inspect: ContainerInspect): void {
    const what = `the log of container ${this.label}`;
    const lines = log === '' ? [] : log.replace(/\n$/, '').split('\n');
    let runs = 0;
    let at = 0;
    let last = { ended: false };
    while (at < lines.length) {
      assert.equal(lines[at], 'begin', `${what}, line ${at} of ${JSON.stringify(lines.slice(Math.max(0, at - 3), at + 3))}`);
      at += 1;
      runs += 1;
      let count = 0;
      for (; at < lines.length && lines[at] !== 'begin' && lines[at] !== 'end'; at++) assert.equal(lines[at], `line ${++count}`, what);
      last = { ended: lines[at] === 'end' };
      if (!last.ended) assert.ok(this.signalled || at === lines.length, `${what}: a run that nobody ended has ${count} lines`);
      if (!last.ended) continue;
      assert.equal(count, this.workload.lines ?? 0, `${what}: all lines of a run`);
      at += 1;
    }
    const { Status, ExitCode } = inspect.State;
    if (Status === 'exited' && ExitCode === this.workload.exitCode) assert.ok(last.ended, `${what}: its last run ended by itself`);
    // One that has just begun has not printed yet, or was ended before it could.
    if (!this.signalled && Status !== 'running' && Status !== 'paused') assert.ok(runs >= this.starts.least, `${what}: ${runs} runs of ${this.starts.least}`);
    if (!this.restarts) assert.ok(runs <= this.starts.most, `${what}: ${runs} runs, ${this.starts.most} were asked for`);
  }
}
