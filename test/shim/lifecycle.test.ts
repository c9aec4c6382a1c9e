import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createShimLauncher } from '#runtime/shim-launcher.ts';
import { attachAll, attachOutput, demultiplex, eventually, isAlive, readAll, ShimBench } from './shim-bench.ts';

const never = new AbortController().signal;

for (const code of [0, 1, 42, 255]) {
  test(`exit code ${code} must be reported as it is`, async () => {
    await using bench = new ShimBench();
    assert.equal((await bench.run(['sh', '-c', `exit ${code}`])).exitCode, code);
  });
}

for (const [signal, name] of [[9, 'SIGKILL'], [15, 'SIGTERM']] as const) {
  test(`death by ${name} must be reported as ${128 + signal}`, async () => {
    await using bench = new ShimBench();
    // The first process of a pid namespace would ignore signals it has no handler for.
    const process = await bench.launch(bench.container(['sleep', '1000'], { hostPids: true }));
    const before = BigInt(Date.now()) * 1_000_000n;
    assert.equal(process.signal(signal), true);
    const report = await process.exited;
    assert.deepEqual([report.exitCode, report.reason], [128 + signal, 'exited']);
    assert.ok(report.finishedAt >= before - 1_000_000n && report.finishedAt <= BigInt(Date.now() + 1) * 1_000_000n);
    assert.equal(process.signal(signal), false);
  });
}

test('a missing executable must fail the start with the message of the runtime and leave nothing', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['/no/such/program'], { attachments: [attachOutput] });
  await assert.rejects(bench.launch(container), (error: Error & { code?: string; details?: { exitCode?: number } }) => {
    assert.equal(error.code, 'runtime.start_failed');
    assert.match(error.message, /^executable file `\/no\/such\/program` not found/);
    assert.equal(error.details?.exitCode, 1);
    return true;
  });
  assert.equal(existsSync(container.runDirectory), false);
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
  assert.equal(existsSync(bench.logPath) && readFileSync(bench.logPath, 'utf8') !== '', false, 'the message is no output of the container');
});

test('a file that is no program must fail the start', async () => {
  await using bench = new ShimBench();
  await assert.rejects(bench.launch(bench.container(['/bin/plain-text'])), { code: 'runtime.start_failed', message: /ermission denied|not executable|plain-text/ });
});

test('a missing runtime must be named', async () => {
  await using bench = new ShimBench();
  await assert.rejects(bench.launch(bench.container(['true'], { runtimePath: '/no/such/crun' })), { code: 'runtime.start_failed', message: 'run /no/such/crun: No such file or directory' });
});

test('a missing shim must be named', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['true']);
  await assert.rejects(createShimLauncher({ shimPath: '/no/such/shim' }).launch(container, never), { code: 'runtime.shim_missing' });
  assert.equal(existsSync(container.runDirectory), false);
});

test('a run directory too deep for a socket must be refused with the limit', async () => {
  await using bench = new ShimBench();
  const container = { ...bench.container(['true']), runDirectory: `${bench.runRoot}/${'x'.repeat(100)}` };
  await assert.rejects(bench.launch(container), { code: 'runtime.path_too_long', message: /of which the kernel takes 107/ });
});

test('the longest possible run directory must work', async () => {
  await using bench = new ShimBench();
  const room = 107 - '/sock'.length - bench.runRoot.length - 1;
  const container = { ...bench.container(['sh', '-c', 'stty size'], { stdio: { terminal: true }, attachments: [attachOutput] }), runDirectory: `${bench.runRoot}/${'x'.repeat(room)}` };
  const process = await bench.launch(container);
  await process.attach(attachOutput).then((stream) => stream.destroy());
  assert.equal((await process.exited).exitCode, 0);
});

test('a start that is aborted must leave nothing behind, whenever it comes', async () => {
  await using bench = new ShimBench();
  for (const delay of [0, 1, 2, 3, 4, 5, 6, 8, 10]) {
    const container = bench.container(['sleep', '100'], { attachments: [attachAll] });
    const controller = new AbortController();
    const launched = bench.launcher.launch(container, controller.signal);
    setTimeout(() => controller.abort(new Error('given up')), delay);
    // The last ones may have started before.
    const outcome = await launched.then(
      (process) => process,
      (error: Error) => error,
    );
    if (outcome instanceof Error) {
      assert.equal(outcome.message, 'given up');
    } else {
      outcome.signal(9);
      await outcome.exited;
    }
    assert.equal(existsSync(container.runDirectory), false);
    assert.equal(existsSync(`${bench.runtimeRoot}/${container.containerId}`), false);
    if (container.cgroup.kind === 'join') for (const file of container.cgroup.tasksFiles) assert.equal(readFileSync(file, 'utf8'), '');
  }
});

test('an aborted signal must prevent the start', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['true']);
  await assert.rejects(bench.launcher.launch(container, AbortSignal.abort(new Error('no'))), { message: 'no' });
  assert.equal(existsSync(container.runDirectory), false);
});

test('when the shim is killed the process must be killed and reported as lost', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000'], { attachments: [attachOutput] });
  const process = await bench.launch(container);
  globalThis.process.kill(process.shimPid, 'SIGKILL');
  const report = await process.exited;
  assert.deepEqual([report.exitCode, report.reason], [137, 'shim-lost']);
  assert.equal(isAlive(process.pid), false);
  assert.equal(existsSync(container.runDirectory), false);
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
  assert.equal((await bench.launch(bench.container(['true'], { id: container.containerId })).then((again) => again.exited)).exitCode, 0);
});

test('signals that end other programs must not end the shim', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'read line; exit 5'], { stdio: { stdin: 'open' }, attachments: [attachAll] }));
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE', 'SIGQUIT', 'SIGUSR1', 'SIGALRM', 'SIGTSTP'] as const) globalThis.process.kill(process.shimPid, name);
  process.attached[0]?.write('\n');
  const report = await process.exited;
  assert.deepEqual([report.exitCode, report.reason], [5, 'exited']);
});

test('the process must not inherit signal settings nor descriptors of the shim', async () => {
  await using bench = new ShimBench();
  const { output } = await bench.run(['sh', '-c', 'cat /proc/self/status; ls() { for f in /proc/self/fd/*; do echo fd:${f##*/}; done; }; ls']);
  const text = demultiplex(output).stdout.toString();
  assert.match(text, /^SigBlk:\t0{16}$/m);
  assert.match(text, /^SigIgn:\t0{16}$/m);
  assert.deepEqual([...text.matchAll(/fd:(\d+)/g)].map((match) => Number(match[1])).filter((fd) => fd > 2 && fd < 10), [3], 'only that of the directory being read');
});

test('the end of a container that shares the host pids must end what it left running', async () => {
  await using bench = new ShimBench();
  const started = performance.now();
  const container = bench.container(['sh', '-c', 'sleep 1000 & sleep 1000 & echo $!'], { hostPids: true, attachments: [attachOutput] });
  const process = await bench.launch(container);
  const [stream] = process.attached;
  assert.ok(stream);
  const left = Number(demultiplex(await readAll(stream)).stdout.toString());
  await process.exited;
  assert.ok(left > 1);
  await eventually(() => !isAlive(left), 'the end of what was left');
  assert.ok(performance.now() - started < 1900, 'it does not wait for the output of what is killed');
});

test('the shim must have reaped, and the launcher reaped the shim', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['true']));
  await process.exited;
  await eventually(() => !existsSync(`/proc/${process.shimPid}`), 'the shim to be reaped');
});

test('runc must serve as well', async () => {
  await using bench = new ShimBench();
  const { exitCode, output } = await bench.run(['sh', '-c', 'echo hi; exit 7'], { runtimePath: '/usr/sbin/runc' });
  assert.equal(exitCode, 7);
  assert.equal(demultiplex(output).stdout.toString(), 'hi\n');
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
  await assert.rejects(bench.launch(bench.container(['/no/such'], { runtimePath: '/usr/sbin/runc' })), { code: 'runtime.start_failed', message: /^runc run failed: .*no such file or directory$/ });
  const terminal = await bench.launch(bench.container(['stty', 'size'], { runtimePath: '/usr/sbin/runc', stdio: { terminal: true, consoleSize: { rows: 33, columns: 99 } }, attachments: [attachOutput] }));
  assert.equal((await readAll(terminal.attached[0] ?? assert.fail())).toString(), '33 99\r\n');
});

test('a program that the kernel will not execute must start and end with 255 and runc’s words', async () => {
  await using bench = new ShimBench();
  writeFileSync(`${bench.directory}/rootfs/bin/foreign`, 'garbage\n', { mode: 0o755 });
  writeFileSync(`${bench.directory}/rootfs/bin/lost`, '#!/no/such/shell\n', { mode: 0o755 });
  for (const [parameters, words] of [
    [['/bin/foreign'], 'exec /bin/foreign: exec format error'],
    [['foreign', 'x'], 'exec /bin/foreign: exec format error'],
    [['./bin/foreign'], 'exec ./bin/foreign: exec format error'],
    [['/bin/lost'], 'exec /bin/lost: no such file or directory'],
  ] as const) {
    const { exitCode, output } = await bench.run(parameters);
    assert.deepEqual([demultiplex(output).stderr.toString(), exitCode], [`${words}\n`, 255]);
    assert.deepEqual([bench.log().at(-1)?.stream, bench.log().at(-1)?.log], ['stderr', `${words}\n`]);
  }
  const terminal = await bench.run(['/bin/foreign'], { stdio: { terminal: true, stdin: 'open' } });
  assert.deepEqual([terminal.output.toString(), terminal.exitCode], ['exec /bin/foreign: exec format error\r\n', 255]);
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const exec = await bench.launch(bench.exec(container, ['/bin/foreign'], { attachments: [attachOutput] }));
  const [stream] = exec.attached;
  assert.ok(stream);
  assert.equal(demultiplex(await readAll(stream)).stderr.toString(), 'exec /bin/foreign: exec format error\n');
  assert.equal((await exec.exited).exitCode, 255);
});

test('a program that says what crun says must be left its words', async () => {
  await using bench = new ShimBench();
  const words = '{"msg":"exec container process `/x`: Exec format error","level":"error"}\n';
  const { exitCode, output } = await bench.run(['sh', '-c', `printf '%s' '${words}' >&2; exit 1`]);
  assert.deepEqual([demultiplex(output).stderr.toString(), exitCode], [words, 1]);
});

test('crun’s link /dev/core must be gone before the first instruction of a process that is held, and soon of one that is not', async () => {
  await using bench = new ShimBench();
  const { output } = await bench.run(['sh', '-c', 'ls /dev'], { withoutCoreLink: true });
  assert.deepEqual(demultiplex(output).stdout.toString().split('\n').filter((name) => ['core', 'fd'].includes(name)), ['fd']);
  const running = await bench.launch(bench.container(['sleep', '1000'], { withoutCoreLink: true, held: false }));
  await eventually(() => !readdirSync(`/proc/${running.pid}/root/dev`).includes('core'), 'the link to be gone');
  const kept = await bench.run(['sh', '-c', 'ls /dev'], {});
  assert.match(demultiplex(kept.output).stdout.toString(), /^core$/m);
});

test('what is called core but is not crun’s link must stay', async () => {
  await using bench = new ShimBench();
  const devices = `${bench.directory}/devices`;
  mkdirSync(devices);
  writeFileSync(`${devices}/core`, 'kept');
  execFileSync('mknod', ['-m', '666', `${devices}/null`, 'c', '1', '3']);
  const mounts = [{ destination: '/proc', type: 'proc', source: 'proc' }, { destination: '/dev', type: 'bind', source: devices, options: ['rbind', 'rw'] }];
  assert.equal(demultiplex((await bench.run(['cat', '/dev/core'], { withoutCoreLink: true, specification: { mounts } })).output).stdout.toString(), 'kept');
  assert.equal(readFileSync(`${devices}/core`, 'utf8'), 'kept');
});

for (const held of [true, false]) {
  test(`a container must run as any other whether its process is held or not (${held ? 'held' : 'not held'})`, async () => {
    await using bench = new ShimBench();
    assert.equal((await bench.run(['sh', '-c', 'exit 7'], { held })).exitCode, 7);
    const terminal = await bench.launch(bench.container(['stty', 'size'], { held, stdio: { terminal: true, consoleSize: { rows: 33, columns: 99 } }, attachments: [attachOutput] }));
    assert.equal((await readAll(terminal.attached[0] ?? assert.fail())).toString(), '33 99\r\n');
    assert.equal((await terminal.exited).exitCode, 0);
    await assert.rejects(bench.launch(bench.container(['/no/such/program'], { held })), { code: 'runtime.start_failed', message: /^executable file `\/no\/such\/program` not found/ });
    const refused = await bench.run(['/bin/bad-format'], { held });
    assert.equal(refused.exitCode, 255);
    assert.deepEqual(readdirSync(bench.runtimeRoot), []);
  });
}
