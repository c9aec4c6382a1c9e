import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync } from 'node:fs';
import { test } from 'node:test';
import { readJsonFileLog } from '#logging/json-file-reader.ts';
import { LogFixture, second } from './log-fixture.ts';

/** Collects in the background; `until` waits for a text. */
class Follower {
  text = '';
  readonly finished: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(chunks: AsyncIterable<Buffer>) {
    this.finished = this.#collect(chunks);
  }

  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) await this.#changed.promise;
  }

  async #collect(chunks: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of chunks) {
      this.text += chunk.toString();
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}

test('following must give past lines, then new ones, and end with the process after its last line', async () => {
  using log = new LogFixture();
  log.write(['past\n']);
  const ended = Promise.withResolvers<void>();
  const follower = new Follower(readJsonFileLog(log.query({ followUntil: ended.promise })));
  await follower.until('past\n');
  log.write(['new 1\n']);
  await follower.until('new 1\n');
  log.write(['last\n']);
  ended.resolve();
  await follower.finished;
  assert.equal(follower.text, 'past\nnew 1\nlast\n');
});

test('following the end of a log must give only what comes', async () => {
  using log = new LogFixture();
  log.write(['past\n']);
  const ended = Promise.withResolvers<void>();
  const follower = new Follower(readJsonFileLog(log.query({ tail: 0, followUntil: ended.promise })));
  // Written until the follower has found its place.
  while (follower.text === '') {
    log.write(['tick\n']);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const half = log.record('in two parts\n', 'stdout');
  log.append(half.slice(0, 20));
  log.append(half.slice(20));
  await follower.until('in two parts\n');
  ended.resolve();
  await follower.finished;
  assert.ok(!follower.text.includes('past'));
});

test('no line may be lost or come twice over many rotations', async () => {
  using log = new LogFixture();
  const ended = Promise.withResolvers<void>();
  const follower = new Follower(readJsonFileLog(log.query({ followUntil: ended.promise })));
  const expected: string[] = [];
  for (let round = 0; round < 40; round += 1) {
    for (let part = 0; part < 5; part += 1) {
      const line = `round ${round} part ${part}\n`;
      expected.push(line);
      log.write([line]);
    }
    // Sometimes the follower sees each file, sometimes it comes late for several.
    if (round % 7 === 6) await follower.until(`round ${round} part 4\n`);
    log.rotate(10);
  }
  ended.resolve();
  await follower.finished;
  assert.equal(follower.text, expected.join(''));
});

test('a reader that comes too late must go on with the oldest file that is left', async () => {
  using log = new LogFixture();
  log.write(['first\n']);
  const ended = Promise.withResolvers<void>();
  const chunks = readJsonFileLog(log.query({ followUntil: ended.promise }));
  assert.equal((await chunks.next()).value?.toString(), 'first\n');
  for (let round = 1; round <= 5; round += 1) {
    log.rotate(3);
    log.write([`after ${round}\n`]);
  }
  ended.resolve();
  const rest = Buffer.concat(await Array.fromAsync(chunks)).toString();
  assert.equal(rest, 'after 3\nafter 4\nafter 5\n');
});

test('following a log that does not exist yet must wait for it', async () => {
  using log = new LogFixture();
  rmSync(log.path);
  const ended = Promise.withResolvers<void>();
  const follower = new Follower(readJsonFileLog(log.query({ followUntil: ended.promise })));
  await new Promise((resolve) => setImmediate(resolve));
  log.write(['born\n']);
  await follower.until('born\n');
  ended.resolve();
  await follower.finished;
});

test('a truncated log must be read from its beginning', async () => {
  using log = new LogFixture();
  log.write(['long line before the truncation\n']);
  const ended = Promise.withResolvers<void>();
  const follower = new Follower(readJsonFileLog(log.query({ followUntil: ended.promise })));
  await follower.until('truncation\n');
  truncateSync(log.path, 0);
  log.write(['x\n']);
  await follower.until('x\n');
  ended.resolve();
  await follower.finished;
  assert.equal(follower.text, 'long line before the truncation\nx\n');
});

test('a record after `until` must end following', async () => {
  using log = new LogFixture();
  const follower = new Follower(readJsonFileLog(log.query({ until: second(1), followUntil: new Promise(() => undefined) })));
  log.write(['in time\n', 'late\n']);
  await follower.finished;
  assert.equal(follower.text, 'in time\n');
});

test('aborting and leaving must give files and watches back', async () => {
  using log = new LogFixture();
  log.write(['line\n']);
  log.rotate(3);
  log.write(['line\n']);
  const openFiles = (): number => readdirSync('/proc/self/fd').filter((descriptor) => descriptorTarget(descriptor).startsWith(log.directory)).length;
  const controller = new AbortController();
  const follower = new Follower(readJsonFileLog(log.query({ followUntil: new Promise(() => undefined), signal: controller.signal })));
  await follower.until('line\nline\n');
  controller.abort();
  await follower.finished;
  const left = readJsonFileLog(log.query({ followUntil: new Promise(() => undefined) }));
  await left.next();
  await left.return(undefined);
  assert.equal(openFiles(), 0);
});

test('a directory that cannot be watched must fail the read', async () => {
  const directory = mkdtempSync('/tmp/dhow-log-');
  rmSync(directory, { recursive: true });
  using log = new LogFixture();
  await assert.rejects(Array.fromAsync(readJsonFileLog(log.query({ path: `${directory}/x`, followUntil: Promise.resolve() }))), /ENOENT/);
});

function descriptorTarget(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return '';
  }
}
