import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { existsSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ContainerLaunch, ExitReport, ShimProcess } from '#runtime/contract.ts';
import { createShimLauncher } from '#runtime/shim-launcher.ts';
import { attachAll, attachOutput, demultiplex, eventually, isAlive, readAll, ShimBench, shimPath } from './shim-bench.ts';

const daemonDouble = new URL('daemon-double.ts', import.meta.url).pathname;

interface Started {
  readonly pid: number;
  readonly shimPid: number;
}

/** Starts containers in a daemon of their own, and kills that daemon. */
async function startAndKillDaemon(launches: readonly ContainerLaunch[]): Promise<Started[]> {
  const daemon: ChildProcess = spawn(process.execPath, [daemonDouble, ...launches.map((launch) => JSON.stringify(launch))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(daemon.stdout);
  const started: Started[] = [];
  for await (const line of createInterface(daemon.stdout)) {
    started.push(JSON.parse(line));
    if (started.length === launches.length) break;
  }
  assert.equal(started.length, launches.length);
  const exited = once(daemon, 'exit');
  daemon.kill('SIGKILL');
  await exited;
  return started;
}

function isProcess(adopted: ShimProcess | ExitReport): adopted is ShimProcess {
  return 'exited' in adopted;
}

/** Another launcher, as the next daemon has. */
function adopt(container: ContainerLaunch, started: Started): Promise<ShimProcess | ExitReport> {
  const { containerId, runDirectory, stateDirectory } = container;
  return createShimLauncher({ shimPath }).adopt({ containerId, runDirectory, stateDirectory, ...started });
}

async function adoptRunning(container: ContainerLaunch, started: Started): Promise<ShimProcess> {
  const adopted = await adopt(container, started);
  assert.ok(isProcess(adopted), `ended: ${JSON.stringify(adopted, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`);
  return adopted;
}

test('containers must go on and keep logging when the daemon is killed, and the next one must adopt them', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); usleep 2000; done; exit 23'], { attachments: [attachAll] });
  const [started] = await startAndKillDaemon([container]);
  assert.ok(started && isAlive(started.pid) && isAlive(started.shimPid));
  const before = bench.log().length;
  await eventually(() => bench.log().length > before + 20, 'further lines');
  const adopted = await adoptRunning(container, started);
  assert.deepEqual([adopted.pid, adopted.shimPid], [started.pid, started.shimPid]);
  assert.equal(adopted.signal(0), true);
  const stream = await adopted.attach(attachOutput);
  const tail = demultiplex(await readAll(stream)).stdout.toString();
  assert.match(tail, /line 999\n$/);
  const report = await adopted.exited;
  assert.deepEqual([report.exitCode, report.reason], [23, 'exited']);
  assert.deepEqual(bench.log().map(({ log }) => log), Array.from({ length: 1000 }, (_, i) => `line ${i}\n`), 'nothing is lost');
  await adopted[Symbol.asyncDispose]();
});

test('an exit while no daemon was there must be found by the next', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'usleep 300000; exit 17']);
  const before = BigInt(Date.now()) * 1_000_000n;
  const [started] = await startAndKillDaemon([container]);
  assert.ok(started);
  await eventually(() => !isAlive(started.shimPid), 'the end of the shim');
  const report = await adopt(container, started);
  assert.ok(!isProcess(report));
  assert.deepEqual([report.exitCode, report.reason], [17, 'exited']);
  assert.ok(report.finishedAt > before && report.finishedAt <= BigInt(Date.now()) * 1_000_000n);
});

test('a report of an earlier run must not be taken for this one', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'exit 3']);
  const first = await bench.launch(container);
  await first.exited;
  assert.ok(readdirSync(bench.directory).includes('exit.json'));
  const report = await createShimLauncher({ shimPath }).adopt({ ...container, pid: first.pid + 1, shimPid: first.shimPid + 1 });
  assert.ok(!isProcess(report));
  assert.equal(report.reason, 'shim-lost');
});

test('twenty containers must survive the daemon, and be adopted within two seconds', async () => {
  await using bench = new ShimBench();
  const containers = Array.from({ length: 20 }, (_, i) => bench.container(['sh', '-c', `read line; echo got $line; exit ${i}`], { stdio: { stdin: 'open' } }));
  const started = await startAndKillDaemon(containers);
  const begin = performance.now();
  const adopted = await Promise.all(containers.map((container, i) => adoptRunning(container, started[i] ?? assert.fail())));
  assert.ok(performance.now() - begin < 2000);
  await Promise.all(
    adopted.map(async (process, i) => {
      const stream = await process.attach(attachAll);
      const received = readAll(stream);
      stream.write(`${i}\n`);
      assert.equal(demultiplex(await received).stdout.toString(), `got ${i}\n`);
      assert.equal((await process.exited).exitCode, i);
    }),
  );
});

test('when shim and daemon were killed, what is left must be killed and reported as lost', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const [started] = await startAndKillDaemon([container]);
  assert.ok(started);
  process.kill(started.shimPid, 'SIGKILL');
  await eventually(() => !isAlive(started.shimPid), 'the end of the shim');
  assert.ok(isAlive(started.pid), 'the process itself still runs');
  const report = await adopt(container, started);
  assert.ok(!isProcess(report));
  assert.deepEqual([report.exitCode, report.reason], [137, 'shim-lost']);
  assert.equal(isAlive(started.pid), false);
  assert.equal(existsSync(container.runDirectory), false);
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
});

test('a lost process must be killed also when the record of it is gone', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const started = await loseShimAndRecord(container);
  assert.equal((await lostReport(container, started)).reason, 'shim-lost');
  assert.equal(isAlive(started.pid), false);
});

test('a process that merely has the pid of a lost one must be left alone', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const started = await loseShimAndRecord(container);
  // One that began after the pid was written down is another.
  const before = new Date(Date.now() - 3_600_000);
  utimesSync(`${container.runDirectory}/pid`, before, before);
  assert.equal((await lostReport(container, started)).reason, 'shim-lost');
  assert.ok(isAlive(started.pid));
  process.kill(started.pid, 'SIGKILL');
  await eventually(() => !isAlive(started.pid), 'its end');
});

async function loseShimAndRecord(container: ContainerLaunch): Promise<Started> {
  const [started] = await startAndKillDaemon([container]);
  assert.ok(started);
  process.kill(started.shimPid, 'SIGKILL');
  await eventually(() => !isAlive(started.shimPid), 'the end of the shim');
  rmSync(`${container.runDirectory}/process`);
  return started;
}

async function lostReport(container: ContainerLaunch, started: Started): Promise<ExitReport> {
  const report = await adopt(container, started);
  assert.ok(!isProcess(report));
  return report;
}

test('what a daemon was given by its starter must not be held open by its containers', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const unused = Array.from({ length: 20 }, () => 'ignore' as const);
  const daemon = spawn(process.execPath, [daemonDouble, JSON.stringify(container)], { stdio: ['ignore', 'pipe', 'inherit', ...unused, 'pipe'] });
  const [, output] = daemon.stdio;
  const given = daemon.stdio.at(23);
  assert.ok(output instanceof Readable && given instanceof Readable);
  const [line] = await once(output, 'data');
  const started: Started = JSON.parse(String(line));
  const ended = once(given.resume(), 'end');
  daemon.kill('SIGKILL');
  await ended;
  const adopted = await adoptRunning(container, started);
  adopted.signal(9);
  await adopted.exited;
  await adopted[Symbol.asyncDispose]();
});

test('a daemon that lets go of a process must leave it running for another to adopt', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'read line; exit 8'], { stdio: { stdin: 'open' } });
  const first = await bench.launcher.launch(container, new AbortController().signal);
  await first[Symbol.asyncDispose]();
  const second = await adoptRunning(container, first);
  const third = await adoptRunning(container, first);
  const stream = await second.attach(attachAll);
  stream.end('\n');
  assert.equal((await second.exited).exitCode, 8);
  assert.equal((await third.exited).exitCode, 8);
  for (const adopted of [second, third]) await adopted[Symbol.asyncDispose]();
});
