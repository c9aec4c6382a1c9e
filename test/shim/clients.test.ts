import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { Transform, type Readable } from 'node:stream';
import { attachOutput, demultiplex, eventually, isAlive, readAll, ShimBench } from './shim-bench.ts';

/** Hashes standard output as it comes, without keeping it. */
async function hashOutput(stream: Readable): Promise<{ length: number; md5: string }> {
  const hash = createHash('md5');
  let length = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    let data = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    while (data.length >= 8) {
      const end = 8 + data.readUInt32BE(4);
      if (data.length < end) break;
      assert.equal(data[0], 1);
      hash.update(data.subarray(8, end));
      length += end - 8;
      data = data.subarray(end);
    }
    rest = Buffer.from(data);
  }
  assert.equal(rest.length, 0);
  return { length, md5: hash.digest('hex') };
}

function md5OfSeq(count: number): string {
  const hash = createHash('md5');
  for (let i = 1; i <= count; i++) hash.update(`${i}\n`);
  return hash.digest('hex');
}

/** `seq` to this number is 100 MB. */
const hundredMegabytes = 12_345_679;

test('100 MB of output must arrive unharmed at a client', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['seq', '1', String(hundredMegabytes)], { log: null, attachments: [attachOutput] }));
  const [stream] = process.attached;
  assert.ok(stream);
  const { length, md5 } = await hashOutput(stream);
  assert.ok(length > 100_000_000);
  assert.equal(md5, md5OfSeq(hundredMegabytes));
  assert.equal((await process.exited).exitCode, 0);
});

test('a stalled client must hold up neither the process nor others, and get every byte later', async () => {
  await using bench = new ShimBench();
  const count = 3_000_000;
  const process = await bench.launch(bench.container(['seq', '1', String(count)], { attachments: [attachOutput, attachOutput, attachOutput] }));
  const [stalled, swift, slow] = process.attached;
  assert.ok(stalled && swift && slow);
  // Nobody reads `stalled`; the stream's own buffer and the socket's fill up at once.
  const swiftly = hashOutput(swift);
  const report = await process.exited;
  assert.equal(report.exitCode, 0);
  const expected = md5OfSeq(count);
  assert.equal((await swiftly).md5, expected);
  assert.equal(readdirSync(bench.directory).some((name) => name.startsWith('spill')), false, 'spilled output has no name');
  assert.ok(isAlive(process.shimPid), 'the shim stays for the clients it still has');
  const [first, second] = await Promise.all([hashOutput(stalled), hashOutput(slow)]);
  assert.equal(first.md5, expected);
  assert.equal(second.md5, expected);
  await eventually(() => !isAlive(process.shimPid), 'the end of the shim');
  let logged = 0;
  for (const line of readFileSync(bench.logPath, 'latin1').split('\n')) if (line !== '') logged++;
  assert.equal(logged, count);
});

test('a slow client must slow the process down rather than let its backlog fill the disk', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['seq', '1', '4000000'], { log: null, attachments: [attachOutput] }));
  const [stream] = process.attached;
  assert.ok(stream);
  let largest = 0;
  let running = true;
  void process.exited.then(() => (running = false));
  const slow = stream.pipe(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        if (running) largest = Math.max(largest, ...spillsOf(process.shimPid).map(({ bytes }) => bytes));
        // Some megabytes per second while the process runs.
        if (running) setTimeout(() => done(null, chunk), 5);
        else done(null, chunk);
      },
    }),
  );
  assert.equal((await hashOutput(slow)).md5, md5OfSeq(4_000_000));
  assert.ok(largest > 1024 * 1024 && largest < 8 * 1024 * 1024, `${largest} bytes kept`);
  assert.equal((await process.exited).exitCode, 0);
});

test('many clients must each get everything while some come and go', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'read line; seq 1 100000'], { stdio: { stdin: 'open' }, attachments: [{ ...attachOutput, stdin: true }] }));
  const clients = await Promise.all(Array.from({ length: 20 }, () => process.attach(attachOutput)));
  const leaving = await Promise.all(Array.from({ length: 10 }, () => process.attach(attachOutput)));
  const outputs = Promise.all(clients.map(hashOutput));
  for (const stream of leaving) stream.once('data', () => stream.destroy());
  process.attached[0]?.write('\n');
  process.attached[0]?.resume();
  const expected = md5OfSeq(100_000);
  for (const { md5 } of await outputs) assert.equal(md5, expected);
  assert.equal((await process.exited).exitCode, 0);
});

test('a client that leaves while it is behind must leave nothing behind', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sh', '-c', 'seq 1 500000; read line'], { log: null, stdio: { stdin: 'open' }, attachments: [attachOutput] }));
  const spills = (): number => spillsOf(process.shimPid).length;
  await eventually(() => spills() === 1, 'spilled output');
  process.attached[0]?.destroy();
  await eventually(() => spills() === 0, 'the spill file to be given up');
  assert.equal(process.signal(9), true);
  await process.exited;
  await eventually(() => !isAlive(process.shimPid), 'the end of the shim');
});

test('an idle shim must take little memory', async () => {
  await using bench = new ShimBench();
  const process = await bench.launch(bench.container(['sleep', '60'], { attachments: [] }));
  const rollup = readFileSync(`/proc/${process.shimPid}/smaps_rollup`, 'utf8');
  const rss = Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1]);
  assert.ok(rss > 0 && rss <= 128, `${rss} kB resident`);
});

test('a connection that says no hello must not disturb anybody', async () => {
  await using bench = new ShimBench();
  const container = bench.container(['sh', '-c', 'read line; echo end'], { stdio: { stdin: 'once' }, attachments: [{ ...attachOutput, stdin: true }] });
  const process = await bench.launch(container);
  const { connect } = await import('node:net');
  const strangers = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from([6]), Buffer.alloc(0)].map((bytes) => {
    const socket = connect(`${container.runDirectory}/sock`);
    socket.on('error', () => undefined);
    socket.write(bytes);
    return socket;
  });
  const [stream] = process.attached;
  assert.ok(stream);
  stream.end('\n');
  assert.equal(demultiplex(await readAll(stream)).stdout.toString(), 'end\n');
  assert.equal((await process.exited).exitCode, 0);
  for (const socket of strangers) socket.destroy();
  await eventually(() => !isAlive(process.shimPid), 'the end of the shim');
});

/** Files in which a shim keeps output, and what they take of the disk. */
function spillsOf(shimPid: number): { bytes: number }[] {
  return readdirSync(`/proc/${shimPid}/fd`)
    .map((fd) => `/proc/${shimPid}/fd/${fd}`)
    .filter((path) => readlinkOrEmpty(path).includes('/spill-'))
    .map((path) => ({ bytes: (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512 }));
}

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

test('with the disk full a stalled client must be cut off rather than hold up the process', async () => {
  await using bench = new ShimBench();
  const small = `${bench.directory}/small`;
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]);
  try {
    const container = { ...bench.container(['seq', '1', '300000'], { attachments: [attachOutput] }), stateDirectory: small };
    const process = await bench.launch(container);
    const [stalled] = process.attached;
    assert.ok(stalled);
    assert.equal((await process.exited).exitCode, 0);
    assert.equal(bench.log().length, 300_000);
    const cut = demultiplexWhole(await readAll(stalled));
    assert.ok(cut.startsWith('1\n2\n3\n') && cut.length < 300_000 * 5);
    await eventually(() => !isAlive(process.shimPid), 'the end of the shim');
  } finally {
    execFileSync('umount', [small]);
  }
});

/** Standard output of the frames that are whole; a cut-off stream ends within one. */
function demultiplexWhole(data: Buffer): string {
  let text = '';
  for (let at = 0; at + 8 <= data.length; ) {
    const end = at + 8 + data.readUInt32BE(at + 4);
    if (end > data.length) break;
    text += data.toString('latin1', at + 8, end);
    at = end;
  }
  return text;
}
