import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockFile } from '#kernel/file-lock.ts';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { attachOutput, demultiplex, eventually, readAll, ShimBench } from './shim-bench.ts';

const pieceSize = 16 * 1024;

test('entries must be those of Docker byte for byte', async () => {
  await using bench = new ShimBench();
  await bench.run(['printf', 'a\\tb\\033c<>&"\\\\ \\b\\f\\r\\n\\177\\001 caf\\303\\251 \\360\\237\\230\\200\\n']);
  const lines = readFileSync(bench.logPath, 'utf8').split('\n');
  // As Docker 28.5 wrote it for the same output.
  assert.match(lines[0] ?? '', /^\{"log":"a\\u0009b\\u001bc\\u003c\\u003e\\u0026\\"\\\\ \\u0008\\u000c\\r\\n","stream":"stdout","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"\}$/);
  assert.match(lines[1] ?? '', /^\{"log":"\x7f\\u0001 café 😀\\n","stream":"stdout","time":"[^"]+"\}$/);
  assert.equal(lines[2], '');
});

test('bytes that are no UTF-8 must become replacement characters one by one, line separators be escaped', async () => {
  await using bench = new ShimBench();
  await bench.run(['printf', 'bad\\377\\300\\200 \\342\\202 \\355\\240\\200 \\364\\220\\200\\200 ok\\342\\200\\250\\342\\200\\251\\n']);
  const [line] = readFileSync(bench.logPath, 'latin1').split('\n');
  const replaced = '\\ufffd';
  assert.equal((line ?? '').slice(0, (line ?? '').indexOf(',"stream"')), `{"log":"bad${replaced.repeat(3)} ${replaced.repeat(2)} ${replaced.repeat(3)} ${replaced.repeat(4)} ok\\u2028\\u2029\\n"`);
});

test('long lines must be split in pieces of 16 KiB that share a time, and a last line keep lacking its newline', async () => {
  await using bench = new ShimBench();
  const script = ['40000:x', `${pieceSize}:y`, `${pieceSize - 1}:z`].map((part) => {
    const [count, letter] = part.split(':');
    return `head -c ${count} /dev/zero | tr '\\0' ${letter}; echo`;
  });
  const { output } = await bench.run(['sh', '-c', `${script.join(';')}; printf last`]);
  const entries = bench.log();
  assert.deepEqual(
    entries.map(({ log }) => [log[0] === '\n' ? '' : log[0], log.length]),
    [['x', pieceSize], ['x', pieceSize], ['x', 40000 - 2 * pieceSize + 1], ['y', pieceSize], ['', 1], ['z', pieceSize], ['l', 4]],
  );
  assert.equal(entries[0]?.time, entries[2]?.time);
  assert.equal(entries[3]?.time, entries[4]?.time);
  assert.equal(entries.map(({ log }) => log).join(''), demultiplex(output).stdout.toString());
});

test('lines of both streams that interleave must stay whole', async () => {
  await using bench = new ShimBench();
  await bench.run(['sh', '-c', 'for i in $(seq 200); do printf "out$i-"; printf "err$i-" >&2; echo end; echo end >&2; done']);
  const logged = (name: string): string => bench.log().filter(({ stream }) => stream === name).map(({ log }) => log).join('');
  const expected = (name: string): string => Array.from({ length: 200 }, (_, i) => `${name}${i + 1}-end\n`).join('');
  assert.equal(logged('stdout'), expected('out'));
  assert.equal(logged('stderr'), expected('err'));
});

test('attributes must stand between stream and time', async () => {
  await using bench = new ShimBench();
  await bench.run(['echo', 'x'], { log: { attributes: '{"label":"a\\u003cb"}' } });
  assert.match(readFileSync(bench.logPath, 'utf8'), /^\{"log":"x\\n","stream":"stdout","attrs":\{"label":"a\\u003cb"\},"time":"[^"]+"\}\n$/);
});

test('times must be those of the lines, growing and with nanoseconds', async () => {
  await using bench = new ShimBench();
  const before = Date.now();
  await bench.run(['sh', '-c', 'echo a; usleep 50000; echo b']);
  const [first, second] = bench.log().map(({ time }) => Date.parse(time));
  // A busy machine may have the first line read late, never early.
  assert.ok(first !== undefined && second !== undefined && first >= before && second >= first && second - before >= 49 && second <= Date.now());
});

test('the log must be rotated once it has reached its size, keeping as many files as allowed', async () => {
  await using bench = new ShimBench();
  await bench.run(['seq', '1', '400'], { log: { maxSize: 4096, maxFiles: 3 } });
  const names = readdirSync(bench.directory).filter((name) => name.startsWith('container.log')).sort();
  assert.deepEqual(names, ['container.log', 'container.log.1', 'container.log.2']);
  const contents = ['container.log.2', 'container.log.1', 'container.log'].map((name) => readFileSync(`${bench.directory}/${name}`, 'utf8'));
  for (const full of contents.slice(0, 2)) {
    // The entry that reached the size is the file's last one.
    assert.ok(full.length >= 4096 && full.lastIndexOf('\n', full.length - 2) + 1 < 4096, `${full.length} bytes`);
  }
  const numbers = contents.join('').trim().split('\n').map((line) => Number(JSON.parse(line).log));
  assert.equal(numbers.at(-1), 400);
  assert.deepEqual(numbers, numbers.map((_, index) => (numbers[0] ?? 0) + index), 'no entry is lost between files');
});

test('a log of a single file must begin anew when it is full', async () => {
  await using bench = new ShimBench();
  await bench.run(['seq', '1', '200'], { log: { maxSize: 2048, maxFiles: 1 } });
  assert.deepEqual(readdirSync(bench.directory).filter((name) => name.startsWith('container.log')), ['container.log']);
  assert.equal(bench.log().at(-1)?.log, '200\n');
  assert.ok(readFileSync(bench.logPath).length <= 2048 + 100);
});

test('a restart must go on in the same log', async () => {
  await using bench = new ShimBench();
  await bench.run(['echo', 'first']);
  await bench.run(['echo', 'second']);
  assert.deepEqual(bench.log().map(({ log }) => log), ['first\n', 'second\n']);
});

test('without a log clients must be served all the same', async () => {
  await using bench = new ShimBench();
  const { output } = await bench.run(['echo', 'x'], { log: null });
  assert.equal(demultiplex(output).stdout.toString(), 'x\n');
  assert.equal(existsSync(bench.logPath), false);
});

test('a full disk must cost log entries only: clients get everything, and whole entries stay', async () => {
  await using bench = new ShimBench();
  const small = `${bench.directory}/small`;
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
  try {
    const process = await bench.launch(bench.container(['sh', '-c', 'seq 1 20000; echo end'], { log: { path: `${small}/log` }, attachments: [attachOutput] }));
    const [stream] = process.attached;
    assert.ok(stream);
    const output = demultiplex(await readAll(stream)).stdout.toString();
    assert.equal((await process.exited).exitCode, 0);
    assert.equal(output.length, Array.from({ length: 20000 }, (_, i) => `${i + 1}\n`).join('').length + 4);
    const lines = readFileSync(`${small}/log`, 'utf8').split('\n');
    assert.equal(lines.pop(), '', 'the last entry is whole');
    assert.ok(lines.length > 100);
    for (const [index, line] of lines.entries()) assert.equal(JSON.parse(line).log, `${index + 1}\n`);
  } finally {
    execFileSync('umount', [small]);
  }
});

test('a log that cannot be opened must fail the start with the reason', async () => {
  await using bench = new ShimBench();
  writeFileSync(`${bench.directory}/file`, '');
  const container = bench.container(['true'], { log: { path: `${bench.directory}/file/log` } });
  await assert.rejects(bench.launch(container), { code: 'runtime.start_failed', message: `${bench.directory}/file/log: Not a directory` });
  assert.equal(existsSync(container.runDirectory), false);
});

test('where rotated files are kept the process must wait for them to be removed, and nothing be lost', async () => {
  await using bench = new ShimBench();
  const lines = 30_000;
  const process = await bench.launch(bench.container(['sh', '-c', `seq ${lines}; head -c 400000 /dev/zero; seq 3`], { log: { maxSize: 20_000, maxFiles: 4, sharing: 'kept' } }));
  let ended = false;
  void process.exited.then(() => (ended = true));
  const rotated = (): number[] => readdirSync(bench.directory).flatMap((name) => /^container\.log\.(\d+)$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => b - a);
  const seen: string[] = [];
  let waited = false;
  await eventually(() => {
    // Full: the oldest are taken away, as the engine does once it has sent them.
    if (rotated().length >= 3 && !ended) {
      // The shim renames them under this lock, as the engine does.
      using held = lockFile(`${bench.logPath}.lock`);
      if (held === undefined) return false;
      waited = true;
      for (const number of rotated()) {
        seen.push(readFileSync(`${bench.logPath}.${number}`, 'utf8'));
        rmSync(`${bench.logPath}.${number}`);
      }
    }
    return ended;
  }, 'its end');
  assert.ok(waited, 'it was never full');
  for (const number of rotated()) seen.push(readFileSync(`${bench.logPath}.${number}`, 'utf8'));
  seen.push(readFileSync(bench.logPath, 'utf8'));
  const text = seen.join('').split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { log: string }).log).join('');
  assert.equal(text.split('\n').slice(0, lines).at(-1), String(lines));
  assert.equal(text.length, Array.from({ length: lines }, (_, at) => String(at + 1).length + 1).reduce((sum, length) => sum + length, 0) + 400_000 + 6);
});

test('compressed files must be shifted with the others', async () => {
  await using bench = new ShimBench();
  writeFileSync(`${bench.logPath}.1.gz`, 'older');
  await bench.run(['seq', '400'], { log: { maxSize: 12_000, maxFiles: 4, sharing: 'compressed' } });
  assert.deepEqual(readdirSync(bench.directory).filter((name) => /^container\.log\.\d/.test(name)).sort(), ['container.log.1', 'container.log.2', 'container.log.3.gz']);
  assert.equal(readFileSync(`${bench.logPath}.3.gz`, 'utf8'), 'older');
});
