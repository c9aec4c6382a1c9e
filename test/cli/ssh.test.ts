/** Daemons behind SSH: what ssh(1) is called with, and that requests and streams go through it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sshWords } from '#cli/configuration/ssh-endpoint.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const directory = mkdtempSync(join(tmpdir(), 'dhow-ssh-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const program = fileURLToPath(new URL('../../bin/docker', import.meta.url));

test('an address must become ssh’s words, or be refused in Docker’s', () => {
  assert.deepEqual(sshWords('ssh://far', 'docker'), ['ssh', '-o', 'ConnectTimeout=30', '-T', '--', 'far', 'docker', 'system', 'dial-stdio']);
  assert.deepEqual(sshWords('ssh://me@[fe80::1]:22/run/x.sock', 'dhow').slice(4), ['-l', 'me', '-p', '22', '--', 'fe80::1', 'dhow', '--host', 'unix:///run/x.sock', 'system', 'dial-stdio']);
  const refused = { 'ssh://': 'hostname is empty', 'ssh://a:b@c': 'plain-text password is not supported', 'ssh://c?x=1': 'query parameters are not allowed: "x=1"', 'ssh://c#f': 'fragments are not allowed: "f"' };
  for (const [address, reason] of Object.entries(refused)) assert.throws(() => sshWords(address, 'docker'), { message: `ssh host connection is not valid: invalid SSH URL: ${reason}` });
});

test('commands must work through ssh, streams too, and its failure be told', async () => {
  await using daemon = await TestDaemon.start();
  // Stands for ssh(1) and the far shell: runs what comes behind the host.
  writeFileSync(join(directory, 'ssh'), `#!/bin/sh\necho "$@" >> ${directory}/calls\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = far ] || { echo "no way to $2" >&2; exit 255; }\nshift 3\nexec ${program} -H unix://${daemon.socket} "$@"\n`);
  chmodSync(join(directory, 'ssh'), 0o755);
  const run = async (args: readonly string[], input = ''): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const child = spawn(program, args, { env: { ...process.env, PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory } });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.end(input);
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once('close', resolve);
    return { code: await promise, stdout, stderr };
  };
  assert.deepEqual(await run(['-H', 'ssh://me@far', 'run', '-i', '--rm', 'busybox', 'cat'], 'through\n'), { code: 0, stdout: 'through\n', stderr: '' });
  assert.match(readFileSync(join(directory, 'calls'), 'utf8'), /^-o ConnectTimeout=30 -T -l me -- far docker system dial-stdio$/m);
  const failed = await run(['-H', 'ssh://near', 'ps']);
  assert.equal(failed.code, 1);
  assert.equal(failed.stderr.trim(), 'error during connect: Get "http://docker.example.com/v1.51/containers/json": command [ssh -o ConnectTimeout=30 -T -- near docker system dial-stdio] has exited with exit status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=no way to near');
});
