import assert from 'node:assert/strict';
import { test } from 'node:test';
import { existsSync, readdirSync } from 'node:fs';
import { attachAll, attachOutput, demultiplex, eventually, readAll, ShimBench } from './shim-bench.ts';

test('output must reach an attached client in frames named after its stream, and the log', async () => {
  await using bench = new ShimBench();
  const { exitCode, output } = await bench.run(['sh', '-c', 'echo one; echo two >&2']);
  assert.equal(exitCode, 0);
  assert.equal(output.toString('latin1').replaceAll('\0', '.').includes('\x01......\x04one\n'), true);
  assert.deepEqual(demultiplex(output), { stdout: Buffer.from('one\n'), stderr: Buffer.from('two\n') });
  assert.deepEqual(bench.log().map(({ log, stream }) => `${stream} ${log}`).sort(), ['stderr two\n', 'stdout one\n']);
});

test('a client must get only the streams it asked for', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'echo one; echo two >&2'], {
    attachments: [
      { stdin: false, stdout: false, stderr: true },
      { stdin: false, stdout: true, stderr: false },
    ],
  });
  const process = await bench.launch(container);
  const [errors, output] = await Promise.all(process.attached.map(readAll));
  assert.deepEqual(demultiplex(errors ?? Buffer.alloc(0)), { stdout: Buffer.alloc(0), stderr: Buffer.from('two\n') });
  assert.deepEqual(demultiplex(output ?? Buffer.alloc(0)), { stdout: Buffer.from('one\n'), stderr: Buffer.alloc(0) });
});

test('ending the client must end standard input opened once, after all bytes arrived', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['md5sum'], { stdio: { stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = process.attached;
  assert.ok(stream);
  const received = readAll(stream);
  // More than pipe and socket hold: the writer has to wait for the process.
  for (let i = 0; i < 64; i++) stream.write(Buffer.alloc(64 * 1024, i));
  stream.end();
  const { createHash } = await import('node:crypto');
  const hash = createHash('md5');
  for (let i = 0; i < 64; i++) hash.update(Buffer.alloc(64 * 1024, i));
  assert.equal(demultiplex(await received).stdout.toString(), `${hash.digest('hex')}  -\n`);
  assert.equal((await process.exited).exitCode, 0);
});

test('standard input that stays open must outlive its clients', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['cat'], { stdio: { stdin: 'open' }, attachments: [attachAll] }));
  const [first] = process.attached;
  assert.ok(first);
  first.end('first\n');
  await eventually(() => bench.log().length === 1, 'the first line');
  const second = await process.attach(attachAll);
  second.write('second\n');
  await eventually(() => bench.log().length === 2, 'the second line');
  first.destroy();
  second.destroy();
  const third = await process.attach(attachAll);
  third.write('third\n');
  await eventually(() => bench.log().length === 3, 'the third line');
  assert.deepEqual(bench.log().map(({ log }) => log), ['first\n', 'second\n', 'third\n']);
  assert.equal(process.signal(9), true);
  assert.equal((await process.exited).exitCode, 137);
});

test('a client that is gone must not take unread input with it', async () => {
  await using bench = new ShimBench();
  // It begins to read late, so that pipe and socket are full when the client leaves.
  const process = await bench.launch(bench.container(['sh', '-c', 'usleep 200000; wc -c'], { stdio: { stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = process.attached;
  assert.ok(stream);
  await new Promise<void>((resolve) => stream.write(Buffer.alloc(150_000), () => resolve()));
  stream.destroy();
  await process.exited;
  assert.deepEqual(bench.log().map(({ log }) => log.trim()), ['150000']);
});

test('without standard input the process must read from /dev/null', async () => {
  await using bench = new ShimBench();
  const { exitCode, output } = await bench.run(['cat']);
  assert.deepEqual({ exitCode, length: output.length }, { exitCode: 0, length: 0 });
});

test('a process that closes its standard input must not disturb the client', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'exec 0<&-; usleep 100000; echo done'], { stdio: { stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = process.attached;
  assert.ok(stream);
  const received = readAll(stream);
  for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(64 * 1024));
  assert.equal(demultiplex(await received).stdout.toString(), 'done\n');
});

test('an attached client that writes when the process ends must still read all output', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'head -c 10 >/dev/null; head -c 400000 /dev/zero'], { stdio: { stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = process.attached;
  assert.ok(stream);
  for (let i = 0; i < 40; i++) stream.write(Buffer.alloc(64 * 1024));
  await process.exited;
  assert.equal(demultiplex(await readAll(stream)).stdout.length, 400_000);
});

test('a terminal must have the size asked for from the first moment, and follow resizing', async () => {
  await using bench = new ShimBench();
  // Input and size come by different ways: which is first is not said.
  const container = bench.container(['sh', '-c', 'stty size; read line; while [ "$(stty size)" = "40 132" ]; do usleep 1000; done; stty size'], {
    stdio: { terminal: true, stdin: 'open', consoleSize: { rows: 40, columns: 132 } },
    attachments: [attachAll],
  });
  const process = await bench.launch(container);
  const [stream] = process.attached;
  assert.ok(stream);
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually(() => text.includes('40 132\r\n'), `the first size, not ${JSON.stringify(text)}`);
  process.resize({ rows: 24, columns: 80 });
  stream.write('x\r');
  await eventually(() => text.includes('24 80\r\n'), 'the second size');
  assert.equal((await process.exited).exitCode, 0);
  assert.equal(text, '40 132\r\nx\r\n24 80\r\n');
  assert.deepEqual(bench.log().map(({ log, stream: name }) => [name, log]), [['stdout', '40 132\r\n'], ['stdout', 'x\r\n'], ['stdout', '24 80\r\n']]);
});

test('a client that ends its input must not hang up a terminal', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'read line; echo got $line; sleep 60'], { stdio: { terminal: true, stdin: 'once' }, attachments: [attachAll] }));
  const [stream] = process.attached;
  assert.ok(stream);
  stream.end('word\r');
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually(() => text.includes('got word'), 'the answer');
  assert.equal(process.signal(0), true);
});

test('a client that attaches later must get what comes from then on', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'echo early; read line; echo late'], { stdio: { stdin: 'open' }, attachments: [attachAll] }));
  await eventually(() => existsSync(bench.logPath) && bench.log().length === 1, 'the first line');
  const later = await process.attach(attachOutput);
  const received = readAll(later);
  process.attached[0]?.write('\n');
  assert.equal(demultiplex(await received).stdout.toString(), 'late\n');
});

test('attaching to a process that has ended must give a stream that has ended', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['true']));
  await process.exited;
  assert.equal((await readAll(await process.attach(attachAll))).length, 0);
});

test('after the exit the run directory must be gone and the runtime must have forgotten the container', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['true']);
  const process = await bench.launch(container);
  assert.deepEqual(await process.exited.then(({ exitCode, reason }) => ({ exitCode, reason })), { exitCode: 0, reason: 'exited' });
  assert.equal(existsSync(container.runDirectory), false);
  assert.deepEqual(readdirSync(bench.runtimeRoot), []);
  // It can be started again at once under the same id.
  const again = await bench.launch(bench.container(['sh', '-c', 'exit 3'], { id: container.containerId }));
  assert.equal((await again.exited).exitCode, 3);
});
