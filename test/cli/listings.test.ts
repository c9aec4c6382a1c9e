/** Commands that list and tell, against what Docker's own command line (28.2.2) made of the same answers. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startCannedDaemon, type Answers, type CannedDaemon } from '#test/cli/canned-daemon.ts';

interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

interface Recording {
  readonly answers: Answers;
  readonly cases: readonly (Result & { readonly arguments: readonly string[] })[];
}

const recording = JSON.parse(readFileSync(new URL('listings.json', import.meta.url), 'utf8')) as Recording;
const program = fileURLToPath(new URL('../../bin/dhow.mjs', import.meta.url));

async function run(daemon: CannedDaemon, words: readonly string[]): Promise<Result> {
  const environment = { DHOW_PROGRAM: 'docker', HOME: daemon.directory, DOCKER_CONFIG: daemon.directory, DOCKER_HOST: daemon.address, TZ: 'UTC' };
  const child = spawn(process.execPath, [program, ...words], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? -1));
  return { exitCode: await promise, stdout, stderr };
}

/** Moments that lie a given time back are others in every run; their form is not. A second more may be a column wider. */
function withoutMoments(result: Result): Result {
  const lines = result.stdout
    .replace(/\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(?= \+0000 UTC|Z)/g, 'DATE$1TIME')
    .split('\n')
    .map((line) => (/\b\d+ seconds\b/.test(line) ? line.replace(/\b\d+ seconds\b/g, 'N seconds').replace(/ {2,}/g, '  ') : line));
  return { ...result, stdout: lines.join('\n') };
}

test('what commands print must be what Docker prints of the same answers', { concurrency: 3 }, async (t) => {
  await using daemon = await startCannedDaemon(recording.answers);
  await Promise.all(recording.cases.map(({ arguments: words, stdout, stderr, exitCode }) => (
    t.test(words.join(' '), async () => {
      assert.deepEqual(withoutMoments(await run(daemon, words)), withoutMoments({ exitCode, stdout, stderr }));
    }))));
});

test('sizes must be asked for when a format shows them, and not otherwise', async () => {
  await using daemon = await startCannedDaemon(recording.answers);
  await run(daemon, ['ps', '--format', '{{.Names}}']);
  await run(daemon, ['ps', '--format', '{{.Names}} {{.Size}}']);
  await run(daemon, ['ps', '--size=false', '--format', '{{.Names}} {{.Size}}']);
  assert.deepEqual(daemon.requests, ['GET /containers/json', 'GET /containers/json?size=1', 'GET /containers/json']);
});

test('filters and limits must reach the daemon as Docker sends them', async () => {
  await using daemon = await startCannedDaemon(recording.answers);
  await run(daemon, ['ps', '-a', '-f', 'name=web', '--filter', 'status=running', '--filter', 'name=db']);
  await run(daemon, ['ps', '-l']);
  await run(daemon, ['ps', '-n', '3']);
  await run(daemon, ['images', '-a', '--filter', 'dangling=true', 'web']);
  assert.deepEqual(daemon.requests.map(decodeURIComponent), [
    'GET /containers/json?all=1&filters={"name":{"db":true,"web":true},"status":{"running":true}}',
    'GET /containers/json?limit=1',
    'GET /containers/json?limit=3',
    'GET /images/json?all=1&filters={"dangling":{"true":true},"reference":{"web":true}}',
  ]);
});
