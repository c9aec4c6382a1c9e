import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { readJsonFileLog } from '#logging/json-file-reader.ts';
import { LogFixture, second } from './log-fixture.ts';

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`);

test('a log must come out byte for byte, whatever was written', async () => {
  using log = new LogFixture();
  const content = 'plain\n"quotes" \\back\\ \t\r \u0001\u001b[0m <b>&\u2028 ünï 😀 \u0000\n\\u0041\\\\n no newline';
  log.write([content]);
  assert.equal(await log.text(), content);
});

test("escapes of characters as Docker writes them must be undone to the characters' bytes", async () => {
  using log = new LogFixture();
  log.append('{"log":"\\u003cb\\u003e \\u0026 \\u2028 \\ud83d\\ude00 \\"q\\" \\\\u0041 \\u0022 \\u005c ü\\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n');
  assert.equal(await log.text(), '<b> & \u2028 😀 "q" \\u0041 " \\ ü\n');
});

test('bytes that are no UTF-8 must pass through', async () => {
  using log = new LogFixture();
  log.append(Buffer.concat([Buffer.from('{"log":"'), Buffer.from([0xff, 0xfe, 0x80]), Buffer.from('","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n')]));
  assert.deepEqual(await log.bytes(), Buffer.from([0xff, 0xfe, 0x80]));
});

test('frames must carry stream and length', async () => {
  using log = new LogFixture();
  log.write(['out\n']);
  log.write(['ü\n'], 'stderr');
  assert.deepEqual(
    await log.bytes({ multiplexed: true }),
    Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 4]), Buffer.from('out\n'), Buffer.from([2, 0, 0, 0, 0, 0, 0, 3]), Buffer.from('ü\n')]),
  );
});

test('only the wanted streams must be given, but tail counts the lines of both', async () => {
  using log = new LogFixture();
  log.write(['out 1\n']);
  log.write(['err 1\n', 'err 2\n'], 'stderr');
  assert.equal(await log.text({ stdout: false }), 'err 1\nerr 2\n');
  assert.equal(await log.text({ stderr: false }), 'out 1\n');
  assert.equal(await log.text({ stderr: false, tail: 2 }), '');
});

test('timestamps must have nine digits and come before details', async () => {
  using log = new LogFixture();
  log.write(['a\n'], 'stdout', { z: '1', 'A b': 'x=y,ü', m: '' });
  log.write(['b\n']);
  assert.equal(await log.text({ timestamps: true }), '2026-01-01T00:00:00.500000000Z a\n2026-01-01T00:00:01.500000000Z b\n');
  assert.equal(await log.text({ details: true }), 'A+b=x%3Dy%2C%C3%BC,m=,z=1 a\n b\n');
  assert.equal(await log.text({ timestamps: true, details: true, tail: 1 }), '2026-01-01T00:00:01.500000000Z  b\n');
});

test('attributes that look like the end of a record must not confuse the reader', async () => {
  using log = new LogFixture();
  log.write(['x","stream":"stderr","time":"\n'], 'stdout', { a: '},"time":"' });
  assert.equal(await log.text({ details: true }), 'a=%7D%2C%22time%22%3A%22 x","stream":"stderr","time":"\n');
});

test('since must keep everything from the first record that is late enough, until must end the log', async () => {
  using log = new LogFixture();
  log.write(numbered(0, 5));
  assert.equal(await log.text({ since: second(4) }), 'line 4\nline 5\n');
  assert.equal(await log.text({ until: second(2) }), 'line 0\nline 1\n');
  assert.equal(await log.text({ since: second(2), until: second(4) }), 'line 2\nline 3\n');
  log.append('{"log":"clock went back\\n","stream":"stdout","time":"2020-01-01T00:00:00Z"}\n');
  assert.equal(await log.text({ since: second(5) }), 'line 5\nclock went back\n');
  assert.equal(await log.text({ since: second(100) }), '');
});

test('a tail must reach over rotated and compressed files', async () => {
  using log = new LogFixture();
  log.write(numbered(1, 4));
  log.rotate(4);
  log.write(numbered(5, 8));
  log.rotate(4);
  log.write(numbered(9, 10));
  writeFileSync(`${log.path}.2.gz`, gzipSync(readFileSync(`${log.path}.2`)));
  rmSync(`${log.path}.2`);
  for (let count = 0; count <= 12; count += 1) {
    assert.equal(await log.text({ tail: count }), numbered(Math.max(1, 11 - count), 10).join(''), `tail ${count}`);
  }
  assert.equal(await log.text(), numbered(1, 10).join(''));
});

test('a tail must be found in files larger than a block, with lines that cross its border', async () => {
  using log = new LogFixture();
  const lines = Array.from({ length: 3000 }, (_, index) => `${index} ${'x'.repeat(index % 97)}\n`);
  log.write(lines);
  for (const count of [1, 2, 700, 2999, 3000, 3001]) assert.equal(await log.text({ tail: count }), lines.slice(-count).join(''), `tail ${count}`);
});

test('a line torn by a crash, garbage and empty lines must be passed over', async () => {
  using log = new LogFixture();
  log.write(['one\n']);
  log.append('{"log":"torn and then {"log":"two\\n","stream":"stdout","time":"2026-01-01T00:00:09Z"}\n\n\0\0\0\n[1]\nnull\n{"log":3,"stream":"stdout","time":"x"}\n');
  log.write(['three\n']);
  log.append('{"log":"torn at the e');
  assert.equal(await log.text(), 'one\ntwo\nthree\n');
  assert.equal(await log.text({ tail: 1 }), 'three\n');
});

test('a torn end of a rotated file must not swallow the next file', async () => {
  using log = new LogFixture();
  log.write(['one\n']);
  log.append('{"log":"torn');
  log.rotate(3);
  log.write(['two\n']);
  assert.equal(await log.text(), 'one\ntwo\n');
});

test('a log that does not exist must be empty', async () => {
  using log = new LogFixture();
  rmSync(log.path);
  assert.equal(await log.text(), '');
  assert.equal(await log.text({ tail: 3 }), '');
});

test('an endless line must not be kept in memory', async () => {
  using log = new LogFixture();
  log.append('x'.repeat(6 * 1024 * 1024));
  log.append('\n');
  log.write(['after\n']);
  assert.equal(await log.text(), 'after\n');
});

test('reading must go no further than the client takes', async () => {
  using log = new LogFixture();
  log.write(Array.from({ length: 20_000 }, (_, index) => `${index} ${'y'.repeat(100)}\n`));
  const chunks = readJsonFileLog(log.query());
  const first = await chunks.next();
  assert.ok(first.done !== true && first.value.length < 512 * 1024);
  await chunks.return(undefined);
});

test('an aborted read must end without an error', async () => {
  using log = new LogFixture();
  log.write(Array.from({ length: 20_000 }, (_, index) => `${index} ${'y'.repeat(100)}\n`));
  const controller = new AbortController();
  let chunks = 0;
  for await (const _chunk of readJsonFileLog(log.query({ signal: controller.signal }))) {
    chunks += 1;
    controller.abort();
  }
  assert.equal(chunks, 1);
});
