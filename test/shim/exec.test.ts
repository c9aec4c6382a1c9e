import assert from 'node:assert/strict';
import { test } from 'node:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { attachAll, attachOutput, demultiplex, eventually, isAlive, readAll, ShimBench } from './shim-bench.ts';

test('an exec must run in the container with streams and exit code of its own', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const main = await bench.launch(container);
  const exec = await bench.launch(bench.exec(container, ['sh', '-c', 'cat; echo two >&2; ps; exit 9'], { stdio: { stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = exec.attached;
  assert.ok(stream);
  stream.end('typed\n');
  const { stdout, stderr } = demultiplex(await readAll(stream));
  assert.match(stdout.toString(), /^typed\n[^]*sleep 1000/);
  assert.equal(stderr.toString(), 'two\n');
  assert.equal((await exec.exited).exitCode, 9);
  assert.equal(existsSync(bench.logPath) && readFileSync(bench.logPath, 'utf8') !== '', false, 'the log is the container alone');
  assert.ok(isAlive(main.pid));
});

test('an exec must be in the cgroups of its container', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const main = await bench.launch(container);
  const exec = await bench.launch(bench.exec(container, ['sleep', '1000']));
  assert.equal(readFileSync(`/proc/${exec.pid}/cgroup`, 'utf8'), readFileSync(`/proc/${main.pid}/cgroup`, 'utf8'));
  assert.match(readFileSync(`/proc/${exec.pid}/cgroup`, 'utf8'), new RegExp(`:/.*shim-bench-${container.containerId}$`, 'm'));
});

test('an exec with a terminal must get its size at once and follow resizing', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const exec = await bench.launch(
    bench.exec(
      container,
      ['sh', '-c', 'stty size; read line; stty size'],
      { stdio: { terminal: true, stdin: 'open', consoleSize: { rows: 11, columns: 22 } }, attachments: [attachAll] },
    ),
  );
  const [stream] = exec.attached;
  assert.ok(stream);
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually(() => text === '11 22\r\n', 'the first size');
  exec.resize({ rows: 50, columns: 60 });
  stream.write('\r');
  await exec.exited;
  await eventually(() => text === '11 22\r\n\r\n50 60\r\n', 'the second size');
});

test('a hundred execs with a terminal must all have its size from their first instruction on', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const options = { stdio: { terminal: true, consoleSize: { rows: 33, columns: 77 } }, attachments: [attachAll] } as const;
  for (let round = 0; round < 25; round++) {
    const outputs = Array.from({ length: 4 }, async () => {
      const exec = await bench.launch(bench.exec(container, ['stty', 'size'], options));
      const [stream] = exec.attached;
      assert.ok(stream);
      const output = await readAll(stream);
      assert.deepEqual({ output: output.toString(), exitCode: (await exec.exited).exitCode }, { output: '33 77\r\n', exitCode: 0 });
    });
    await Promise.all(outputs);
  }
});

test('an exec with a terminal that fails must fail as one without, and a program must not be traced', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const stdio = { terminal: true, consoleSize: { rows: 33, columns: 77 } } as const;
  await assert.rejects(bench.launch(bench.exec(container, ['/no/such/program'], { stdio })), { code: 'runtime.start_failed', message: /not found|[Nn]o such file/ });
  const exec = await bench.launch(bench.exec(container, ['sleep', '1000'], { stdio }));
  await eventually(() => /^TracerPid:\t0$/m.test(readFileSync(`/proc/${exec.pid}/status`, 'utf8')), 'nobody traces it');
  assert.ok(exec.signal(15));
  assert.equal((await exec.exited).exitCode, 143);
});

test('an exec of a missing executable must fail with the message of the runtime and leave the container alone', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const main = await bench.launch(container);
  const exec = bench.exec(container, ['/no/such/program'], { attachments: [attachOutput] });
  await assert.rejects(bench.launch(exec), { code: 'runtime.start_failed', message: /not found|[Nn]o such file/ });
  assert.equal(existsSync(exec.runDirectory), false);
  assert.ok(isAlive(main.pid));
  assert.equal((await bench.launch(bench.exec(container, ['true'])).then((next) => next.exited)).exitCode, 0);
});

test('what an exec leaves in the background must not hold up its exit for more than two seconds', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const exec = await bench.launch(bench.exec(container, ['sh', '-c', 'sleep 1000 & echo hi'], { attachments: [attachOutput] }));
  const started = performance.now();
  const [stream] = exec.attached;
  assert.ok(stream);
  const [output, report] = await Promise.all([readAll(stream), exec.exited]);
  const took = performance.now() - started;
  assert.equal(demultiplex(output).stdout.toString(), 'hi\n');
  assert.equal(report.exitCode, 0);
  assert.ok(took > 1900 && took < 4000, `${took} ms`);
});

test('an exec must leave no file once its exit was seen', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  await bench.launch(container);
  const exec = bench.exec(container, ['true']);
  await (await bench.launch(exec)).exited;
  await eventually(() => !existsSync(`${bench.directory}/exit-${exec.execId}.json`), 'the exit file to be removed');
  assert.equal(existsSync(exec.runDirectory), false);
});

test('an aborted exec must leave nothing running and the container untouched', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const main = await bench.launch(container);
  for (const delay of [0, 1, 2, 3, 4, 6]) {
    const controller = new AbortController();
    const exec = bench.exec(container, ['sleep', '2000']);
    const launched = bench.launcher.launch(exec, controller.signal);
    setTimeout(() => controller.abort(new Error('given up')), delay);
    const outcome = await launched.then(
      (process) => process,
      (error: Error) => error,
    );
    if (!(outcome instanceof Error)) {
      outcome.signal(9);
      await outcome.exited;
    }
    assert.equal(existsSync(exec.runDirectory), false);
  }
  const running = await bench.launch(bench.exec(container, ['ps'], { attachments: [attachOutput] }));
  const output = demultiplex(await readAll(running.attached[0] ?? assert.fail())).stdout.toString();
  assert.equal(output.includes('2000'), false, output);
  assert.ok(isAlive(main.pid));
});

test('the end of the container must end its execs', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sleep', '1000']);
  const main = await bench.launch(container);
  const execs = await Promise.all(Array.from({ length: 5 }, () => bench.launch(bench.exec(container, ['sleep', '1000']))));
  main.signal(9);
  assert.equal((await main.exited).exitCode, 137);
  for (const exec of execs) assert.equal((await exec.exited).exitCode, 137);
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
});
