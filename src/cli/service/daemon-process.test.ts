import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CommandFailure } from '#cli/command-failure.ts';
import { daemonPid, endDaemon, type DaemonPlace } from './daemon-process.ts';

/** A program that behaves as the daemon does: a socket, a pid file, and what it does at SIGTERM. */
const daemonProgram = (place: DaemonPlace, atEnd: string): string => `
  const { writeFileSync, rmSync } = require('node:fs');
  const pidFile = ${JSON.stringify(place.pidFile)};
  require('node:net').createServer().listen(${JSON.stringify(place.socket)}, () => {
    writeFileSync(pidFile, String(process.pid));
    console.log('ready');
  });
  process.on('SIGTERM', () => { ${atEnd} });
`;

async function startDaemon(t: { after(work: () => Promise<void>): void }, atEnd: string): Promise<{ place: DaemonPlace; child: ChildProcess }> {
  const directory = await mkdtemp(join(tmpdir(), 'dhow-daemon-'));
  const place = { socket: join(directory, 'docker.sock'), pidFile: join(directory, 'dhowd.pid') };
  const child = spawn(process.execPath, ['-e', daemonProgram(place, atEnd)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return { place, child };
}

const never = new AbortController().signal;

test('stop must wait until the daemon has taken its pid file away', async (t) => {
  const { place, child } = await startDaemon(t, 'setTimeout(() => { rmSync(pidFile); process.exit(0); }, 50);');
  assert.equal(daemonPid(place), child.pid);
  const exited = once(child, 'exit');
  await endDaemon(child.pid ?? 0, { seconds: 20, signal: never, place });
  await exited;
});

test('stop must notice a daemon that ends without a word', async (t) => {
  const { place, child } = await startDaemon(t, 'process.kill(process.pid, "SIGKILL");');
  const exited = once(child, 'exit');
  await Promise.all([exited, endDaemon(child.pid ?? 0, { seconds: 20, signal: never, place })]);
  assert.equal(daemonPid(place), undefined);
});

test('stop must say so when the daemon does not end in time', async (t) => {
  const { place, child } = await startDaemon(t, '');
  await assert.rejects(
    endDaemon(child.pid ?? 0, { seconds: 0.2, signal: never, place }),
    (error: unknown) => error instanceof CommandFailure && error.message.includes(`dhowd (PID ${child.pid}) has not ended within 0.2 seconds`),
  );
  assert.equal(daemonPid(place), child.pid);
});

test('a pid file that is stale, or none, must mean that no daemon runs', async (t) => {
  const { place, child } = await startDaemon(t, '');
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.equal(daemonPid(place), undefined);
  await rm(place.pidFile);
  assert.equal(daemonPid(place), undefined);
});
