import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideSeccomp } from './seccomp-decision.ts';
import { mayWait } from './waiting-calls.ts';

const circumstances = { privileged: false, supported: true, kernelRelease: '6.1.0', capabilities: [] };
const calls = ['select', '_newselect', 'pselect6', 'pselect6_time64', 'read', 'close'];

test('a process must be able to wait under the default profile of every architecture, and without a filter', () => {
  for (const architecture of ['amd64', 'arm64', 'riscv64']) assert.equal(mayWait(decideSeccomp({ ...circumstances, architecture, profile: '' })), true, architecture);
  assert.equal(mayWait(undefined), true);
  assert.equal(mayWait({ defaultAction: 'SCMP_ACT_LOG' }), true);
});

test('a process must not wait where a call for it is refused, traced, or allowed for some arguments alone', () => {
  const allowing = (names: readonly string[]): { names: readonly string[]; action: string } => ({ names, action: 'SCMP_ACT_ALLOW' });
  assert.equal(mayWait({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [allowing(calls)] }), true);
  for (const call of calls) {
    assert.equal(mayWait({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [allowing(calls.filter((other) => other !== call))] }), false, call);
    for (const action of ['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL', 'SCMP_ACT_TRACE', 'SCMP_ACT_NOTIFY']) assert.equal(mayWait({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: [call], action }] }), false, call);
    assert.equal(mayWait({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [allowing(calls), { ...allowing([call]), args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] }] }), false, call);
  }
});
