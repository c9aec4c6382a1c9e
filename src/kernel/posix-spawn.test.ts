import assert from 'node:assert/strict';
import { closeSync, existsSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { ProcessHandle, readProcessIdentity } from './pidfd.ts';
import { posixSpawnDetached } from './posix-spawn.ts';
import { Reaper } from './reaper.ts';
import { openSocketPair } from './socketpair.ts';

interface Running {
  readonly pid: number;
  readonly sockets: readonly Socket[];
}

function run(script: string, descriptors = 1, shell = '/bin/sh'): Running {
  const pairs = Array.from({ length: descriptors }, openSocketPair);
  const pid = posixSpawnDetached({ path: shell, parameters: ['-c', script], environment: { PATH: '/bin', GREETING: 'hello world' }, descriptors: pairs.map(([, theirs]) => theirs) });
  for (const [, theirs] of pairs) closeSync(theirs);
  return { pid, sockets: pairs.map(([ours]) => new Socket({ fd: ours, allowHalfOpen: true })) };
}

async function reaped(reaper: Reaper, pid: number): Promise<void> {
  while (reaper.pending.has(pid)) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(existsSync(`/proc/${pid}`), false);
}

test('descriptors must become 3 and up in their order', async () => {
  const reaper = new Reaper();
  // Descriptors made one after the other are low ones, which the targets of others would overwrite.
  const { pid, sockets } = run('i=3; while [ $i -lt 23 ]; do echo $i >&$i; i=$((i+1)); done', 20, '/bin/bash');
  const texts = await Promise.all(sockets.map((socket) => text(socket)));
  assert.deepEqual(texts, Array.from({ length: 20 }, (_, i) => `${i + 3}\n`));
  for (const socket of sockets) socket.destroy();
  reaper.reap(pid);
  await reaped(reaper, pid);
});

test('a program must have a session of its own, the environment given, and default signals', async () => {
  const reaper = new Reaper();
  const { pid, sockets } = run('cut -d" " -f6 /proc/$$/stat >&3; echo "$GREETING" >&3; env | wc -l >&3; exec grep -E "Sig(Blk|Ign)" /proc/self/status >&3');
  const lines = (await text(sockets[0] ?? assert.fail())).split('\n');
  assert.equal(Number(lines[0]), pid);
  assert.equal(lines[1], 'hello world');
  assert.ok(Number(lines[2]) <= 5, 'the daemon’s own environment stays with it');
  assert.deepEqual(lines.slice(3, 5), ['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000']);
  reaper.reap(pid);
  await reaped(reaper, pid);
});

test('a program that is missing must be named', () => {
  assert.throws(() => posixSpawnDetached({ path: '/no/such/program', parameters: [], environment: {}, descriptors: [] }), {
    code: 'kernel.syscall_failed',
    message: 'posix_spawn /no/such/program: no such file or directory',
  });
});

test('a process must be signalled and awaited by its handle, and be unknown once it was reaped', async () => {
  const reaper = new Reaper();
  const { pid, sockets } = run('echo >&3; exec sleep 1000');
  const socket = sockets[0] ?? assert.fail();
  await new Promise((resolve) => socket.once('data', resolve));
  using handle = ProcessHandle.open(pid) ?? assert.fail();
  assert.equal(await handle.ended(0), false);
  assert.equal(handle.signal(0), true);
  assert.equal(readProcessIdentity(pid)?.parent, process.pid);
  assert.ok((readProcessIdentity(pid)?.startTime ?? 0n) > 0n);
  assert.equal(handle.signal(9), true);
  assert.equal(await handle.ended(10_000), true);
  reaper.reap(pid);
  await reaped(reaper, pid);
  assert.equal(handle.signal(9), false);
  assert.equal(ProcessHandle.open(pid), undefined);
  assert.equal(readProcessIdentity(pid), undefined);
  socket.destroy();
});

test('the start time must be read rightly whatever the name of the process is', () => {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ');
  assert.equal(readProcessIdentity(process.pid)?.startTime, BigInt(fields?.[19] ?? 0));
});

test('pids of other parents must not be waited for', () => {
  const reaper = new Reaper();
  reaper.reap(1);
  assert.deepEqual([...reaper.pending], []);
});
