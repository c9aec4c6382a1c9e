/** Starts that cannot be: what is said, and that nothing is left. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { runProgram } from '#kernel/run-program.ts';

const home = fileURLToPath(new URL('../..', import.meta.url));

test('a daemon that cannot listen must say so and leave no bridge, table, mount or data behind', async () => {
  const root = mkdtempSync('/tmp/dhow-start-');
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    const { exitCode, stderr } = await runProgram(process.execPath, [
      join(home, 'bin/dhowd.mjs'), '--config-file', '', '--data-root', join(root, 'data'), '--exec-root', join(root, 'exec'), '--bridge', 'dstart0', '--cgroup-parent', '/dstart0',
      '-H', `unix://${root}/docker.sock`, '-H', `tcp://127.0.0.1:${address.port}`,
    ]);
    assert.equal(exitCode, 1);
    assert.match(stderr, new RegExp(`failed to start daemon: cannot listen on tcp://127.0.0.1:${address.port}: .*EADDRINUSE`));
    assert.notEqual((await runProgram('ip', ['link', 'show', 'dstart0'])).exitCode, 0);
    assert.notEqual((await runProgram('nft', ['list', 'table', 'ip', 'dhow_dstart0'])).exitCode, 0);
    assert.deepEqual(readdirSync(join(root, 'data')), ['dhowd.lock']);
    assert.ok(!readdirSync(root).includes('docker.sock'));
  } finally {
    taken.close();
    rmSync(root, { recursive: true, force: true });
  }
});
