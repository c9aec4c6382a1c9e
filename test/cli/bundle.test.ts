/** The bundled command line: all commands are in it, and the code it keeps costs nothing but time when it is not there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CommandNode } from '#cli/command.ts';
import { commandTree } from '#cli/commands/tree.ts';

const home = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'dhow-bundled-'));
after(() => rmSync(directory, { recursive: true }));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function execute(words: readonly string[], options: { uid?: number } = {}): Promise<Result> {
  const child = spawn(process.execPath, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, DOCKER_CONFIG: join(directory, 'configuration'), DHOW_PROGRAM: 'dhow' } });
  const exit = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

async function dhow(words: readonly string[], options: { uid?: number } = {}): Promise<Result> {
  return await execute(['--', join(directory, 'build/cli.cjs'), ...words], options);
}

/** Where the code of `context show` is kept, which the set-up does not try out. */
function keptCode(): string {
  const [bundle = ''] = readdirSync(join(directory, 'build')).filter((name) => name.startsWith('cli-'));
  return join(directory, 'build', bundle, 'more context show.code');
}

function commandPaths(node: CommandNode, path: readonly string[] = []): readonly (readonly string[])[] {
  const below = (node.children ?? []).flatMap((child) => commandPaths(child, [...path, child.name]));
  return node.load === undefined ? below : [path, ...below];
}

before(async () => {
  chmodSync(directory, 0o755);
  const { code, stderr } = await execute([join(home, 'scripts/bundle-cli.mjs'), join(directory, 'build')]);
  assert.equal(code, 0, stderr);
});

test('every command must be in the bundle', async () => {
  const paths = commandPaths(commandTree);
  assert.ok(paths.length > 100);
  const waiting = paths.values();
  const work = async (): Promise<void> => {
    for (const path of waiting) {
      const { code, stdout, stderr } = await dhow([...path, '--help']);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, path.join(' '));
      assert.ok(stdout.startsWith(`Usage:  dhow ${path.join(' ')}`), stdout);
    }
  };
  await Promise.all([work(), work()]);
});

test('what a command compiled must be kept for its next call, readable for everybody', async () => {
  const kept = keptCode();
  rmSync(kept, { force: true });
  assert.equal((await dhow(['context', 'show', 'surplus'])).code, 1);
  assert.equal(existsSync(kept), false, 'a call that failed has not shown what the command needs');
  assert.equal((await dhow(['context', 'show'])).stdout, 'default\n');
  assert.equal(statSync(kept).mode & 0o777, 0o644);
  const { ino } = statSync(kept);
  assert.equal((await dhow(['context', 'show'])).stdout, 'default\n');
  assert.equal(statSync(kept).ino, ino, 'what serves is left alone');
});

test('kept code that is damaged or of another V8 must be replaced', async () => {
  const kept = keptCode();
  await dhow(['context', 'show']);
  const whole = readFileSync(kept);
  for (const damaged of [Buffer.alloc(0), whole.subarray(0, whole.length / 2), Buffer.concat([Buffer.from('another version'), whole])]) {
    writeFileSync(kept, damaged);
    assert.deepEqual(await dhow(['context', 'show']), { code: 0, stdout: 'default\n', stderr: '' });
    assert.notDeepEqual(readFileSync(kept), damaged);
  }
});

test('a user who may not write beside the bundle must be served all the same', async () => {
  const kept = keptCode();
  rmSync(kept, { force: true });
  assert.deepEqual(await dhow(['context', 'show'], { uid: 65534 }), { code: 0, stdout: 'default\n', stderr: '' });
  assert.equal(existsSync(kept), false);
});
