import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryKills, cgroupOfKill } from './memory-kills.ts';

const killIn = (cgroup: string): string => `6,1200,98765432,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${cgroup},task_memcg=${cgroup},task=sh,pid=77,uid=0\n`;

test('the cgroup of a kill must be read from the record of it, and from no other', () => {
  assert.equal(cgroupOfKill(killIn('/system.slice/docker-a.scope')), '/system.slice/docker-a.scope');
  assert.equal(cgroupOfKill(killIn('/x').replace('CONSTRAINT_MEMCG', 'CONSTRAINT_NONE')), undefined, 'the machine ran out of memory, not the cgroup');
  assert.equal(cgroupOfKill('4,1,2,-;something else;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/x,task_memcg=/x,task=sh'), undefined);
  assert.equal(cgroupOfKill(''), undefined);
});

test('kills must count from the opening of the log until the cgroup is made anew', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kernel-log-'));
  try {
    const log = join(directory, 'kmsg');
    writeFileSync(log, killIn('/before'));
    using kills = new MemoryKills(log);
    assert.equal(kills.has('/before'), false);
    appendFileSync(log, killIn('/now'));
    assert.equal(kills.has('/now'), true);
    assert.equal(kills.has('/other'), false);
    kills.forget('/now');
    assert.equal(kills.has('/now'), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
