import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Output } from '#cli/streams/output.ts';
import { showFile } from './follow-file.ts';
import { unitText } from './systemd.ts';

/** Keeps what is written, and tells when a text has come. */
class Recorder extends Output {
  text = '';
  #awaited: { readonly text: string; readonly resolve: () => void } | undefined;

  constructor() {
    super(-1, { last: Promise.resolve() });
  }

  override async stream(data: Uint8Array): Promise<void> {
    this.text += Buffer.from(data).toString();
    if (this.#awaited !== undefined && this.text.includes(this.#awaited.text)) this.#awaited.resolve();
  }

  until(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited = { text, resolve };
    if (this.text.includes(text)) resolve();
    return promise;
  }
}

async function makeFile(t: TestContext, content: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dhow-follow-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'log');
  await writeFile(path, content);
  return path;
}

const never = new AbortController().signal;

async function tail(path: string, lines: number): Promise<string> {
  const output = new Recorder();
  await showFile(path, { lines, follow: false, output, signal: never });
  return output.text;
}

test('the last lines must be shown, whether or not the file ends with a newline', async (t) => {
  const path = await makeFile(t, 'a\nb\n\nc\n');
  assert.deepEqual(await Promise.all([-1, 0, 1, 2, 3, 9].map((lines) => tail(path, lines))), ['a\nb\n\nc\n', '', 'c\n', '\nc\n', 'b\n\nc\n', 'a\nb\n\nc\n']);
  await writeFile(path, 'a\nb');
  assert.equal(await tail(path, 1), 'b');
});

test('lines longer than a piece must be found as well', async (t) => {
  const path = await makeFile(t, `first\n${'x'.repeat(200_000)}\nlast\n`);
  assert.equal(await tail(path, 2), `${'x'.repeat(200_000)}\nlast\n`);
});

test('what is added must be shown as it comes, also after the file was cut short', async (t) => {
  const path = await makeFile(t, 'old\n');
  const output = new Recorder();
  const ending = new AbortController();
  const shown = showFile(path, { lines: 1, follow: true, output, signal: ending.signal });
  await output.until('old\n');
  await appendFile(path, 'new\n');
  await output.until('new\n');
  await truncate(path, 0);
  await appendFile(path, 'again\n');
  await output.until('again\n');
  ending.abort();
  await shown;
  assert.equal(output.text, 'old\nnew\nagain\n');
});

test('the unit must quote its program for systemd', () => {
  const text = unitText('/opt/my node/bin/node', '/opt/100%/$x/dhowd.mjs');
  assert.ok(text.includes('ExecStart="/opt/my node/bin/node" /opt/100%%/$$x/dhowd.mjs\n'));
  for (const line of ['KillMode=process', 'Delegate=yes', 'Restart=always', 'LimitNOFILE=infinity', 'TasksMax=infinity']) assert.ok(text.includes(`\n${line}\n`), line);
});
