import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { claimDaemon } from './pid-file.ts';

async function place(t: TestContext): Promise<{ dataRoot: string; pidFile: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'dhow-pid-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return { dataRoot: join(directory, 'data'), pidFile: join(directory, 'run', 'dhowd.pid') };
}

/** A process that holds the claim until it is killed. */
async function holder(t: TestContext, paths: { dataRoot: string; pidFile: string }): Promise<{ pid: number; kill: () => Promise<void> }> {
  const program = `
    import { claimDaemon } from '#daemon/pid-file.ts';
    await claimDaemon(JSON.parse(process.argv[1]));
    process.stdout.write('held');
    setInterval(() => undefined, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program, JSON.stringify(paths)], { stdio: ['ignore', 'pipe', 'inherit'], cwd: join(import.meta.dirname, '../..') });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? assert.fail(),
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('a claim must write the process’s number and take it away at the end', async (t) => {
  const paths = await place(t);
  {
    await using claim = await claimDaemon(paths);
    assert.equal(claim.pid, process.pid);
    assert.equal(await readFile(paths.pidFile, 'utf8'), String(process.pid));
  }
  await assert.rejects(stat(paths.pidFile), { code: 'ENOENT' });
  await using _again = await claimDaemon(paths);
});

test('a data root in use must be refused with its daemon’s number, and be free when that is killed', async (t) => {
  const paths = await place(t);
  const other = await holder(t, paths);
  const elsewhere = { ...paths, pidFile: `${paths.pidFile}.other` };
  await assert.rejects(claimDaemon(elsewhere), {
    message: `the daemon with PID ${other.pid} uses the data root ${paths.dataRoot}; stop it, or give this daemon another --data-root`,
  });
  await other.kill();
  await using claim = await claimDaemon(paths);
  assert.equal(await readFile(paths.pidFile, 'utf8'), String(claim.pid));
});

test('a pid file of a living process must be refused with its number, that of a dead one be taken over', async (t) => {
  const paths = await place(t);
  const other = await holder(t, paths);
  const elsewhere = { ...paths, dataRoot: `${paths.dataRoot}.other` };
  await assert.rejects(claimDaemon(elsewhere), {
    message: `ensure dhowd is not running or delete ${paths.pidFile}: process with PID ${other.pid} is still running`,
  });
  await other.kill();
  await using _claim = await claimDaemon(elsewhere);
});

test('a pid file that holds no number must be taken over, and one that became another’s be left', async (t) => {
  const paths = await place(t);
  {
    await using _first = await claimDaemon(paths);
    await writeFile(paths.pidFile, 'garbage');
  }
  assert.equal(await readFile(paths.pidFile, 'utf8'), 'garbage');
  await using _second = await claimDaemon(paths);
  assert.equal(await readFile(paths.pidFile, 'utf8'), String(process.pid));
});
