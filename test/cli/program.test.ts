/** The program around its commands: names, help, errors, exit codes, completion, where the daemon is. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { FakeDaemon } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';

const nowhere = { environment: { DOCKER_HOST: 'unix:///nonexistent/docker.sock' } };

const texts: readonly (readonly [words: readonly string[], code: number, stderr: string])[] = [
  [['bogus'], 1, "docker: unknown command: docker bogus\n\nRun 'docker --help' for more information\n"],
  [['container', 'bogus'], 1, "docker: unknown command: docker container bogus\n\nUsage:  docker container\n\nRun 'docker container --help' for more information\n"],
  [['--bogus'], 125, "unknown flag: --bogus\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information\n"],
  [['container', '--bogus', 'ls'], 125, "unknown flag: --bogus\n\nUsage:  docker container\n\nRun 'docker container --help' for more information\n"],
  [['rm', '-x'], 125, "unknown shorthand flag: 'x' in -x\n\nUsage:  docker rm [OPTIONS] CONTAINER [CONTAINER...]\n\nRun 'docker rm --help' for more information\n"],
  [['rm'], 1, "docker: 'docker rm' requires at least 1 argument\n\nUsage:  docker rm [OPTIONS] CONTAINER [CONTAINER...]\n\nSee 'docker rm --help' for more information\n"],
  [['container', 'rename', 'x'], 1, "docker: 'docker container rename' requires 2 arguments\n\nUsage:  docker container rename CONTAINER NEW_NAME\n\nRun 'docker container rename --help' for more information\n"],
  [['start', 'x'], 1, 'Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock. Is the docker daemon running?\nError: failed to start containers: x\n'],
  [['run', 'x'], 125, "docker: Cannot connect to the Docker daemon at unix:///nonexistent/docker.sock. Is the docker daemon running?\n\nRun 'docker run --help' for more information\n"],
  [['-H', 'bogus://x', 'kill', 'x'], 1, 'Failed to initialize: unable to resolve docker endpoint: invalid bind address format: bogus://x\n'],
  [['-H', 'a', '-H', 'b', 'kill', 'x'], 1, 'Failed to initialize: unable to resolve docker endpoint: Specify only one -H\n'],
  [['-H', 'a', '-c', 'b', 'kill', 'x'], 1, 'conflicting options: cannot specify both --host and --context\n'],
  [['--log-level', 'bogus', 'kill', 'x'], 1, 'Unable to parse logging level: bogus\n'],
  [['builder', 'prune', '--bogus'], 125, "unknown flag: --bogus\n\nUsage:  docker builder prune\n\nRun 'docker builder prune --help' for more information\n"],
  [['help', 'bogus'], 1, 'unknown help topic: bogus\n'],
];

for (const [words, code, stderr] of texts) {
  test(`docker ${words.join(' ')} must fail as Docker's does`, async () => {
    assert.deepEqual(await runCli(words, nowhere), { code, signal: null, stdout: '', stderr });
  });
}

test('the program must speak under the name it was called by, and help where it is not Docker', async () => {
  const asDhow = await runCli(['exce', 'x'], { ...nowhere, program: 'dhow' });
  assert.deepEqual([asDhow.code, asDhow.stderr], [1, "dhow: unknown command: dhow exce\n\nRun 'dhow --help' for more information\n\nDid you mean 'dhow exec'?\n"]);
  const usage = await runCli(['container', 'rm'], { ...nowhere, program: 'dhow' });
  assert.match(usage.stderr, /^dhow: 'dhow container rm' requires at least 1 argument\n\nUsage: {2}dhow container rm /);
  assert.match((await runCli(['--version'], nowhere)).stdout, /^Docker version 28\.5\.2, build \S+\n$/);
});

test('help must come on stdout when asked for, on stderr when not, and by all its ways the same', async () => {
  const [flag, topic, short, bare] = await Promise.all([
    runCli(['stop', '--help'], nowhere), runCli(['help', 'stop'], nowhere), runCli(['--help', 'stop'], nowhere), runCli(['container'], nowhere),
  ]);
  assert.match(flag.stdout, /^Usage: {2}docker stop \[OPTIONS\] CONTAINER \[CONTAINER\.\.\.\]\n\nStop one or more running containers\n\nAliases:\n {2}docker container stop, docker stop\n\nOptions:\n {2}-s, --signal string/);
  assert.equal(topic.stdout, flag.stdout);
  assert.equal(short.stdout, flag.stdout);
  assert.deepEqual([bare.code, bare.stdout], [0, '']);
  assert.match(bare.stderr, /^Usage: {2}docker container COMMAND\n\nManage containers\n\nCommands:\n {2}attach {6}Attach local/);
});

test('every command must have a help that names its own usage', async () => {
  const { commandTree } = await import('#cli/commands/tree.ts');
  const paths: string[][] = [];
  const collect = (nodes: typeof commandTree.children, path: string[]): void => {
    for (const node of nodes ?? []) {
      if (node.load === undefined) collect(node.children, [...path, node.name]);
      else paths.push([...path, node.name]);
    }
  };
  collect(commandTree.children, []);
  assert.ok(paths.length > 60);
  const { helpText } = await import('#cli/help.ts');
  for (const path of paths) {
    let node = commandTree;
    for (const name of path) node = node.children?.find((child) => child.name === name) ?? assert.fail(`no ${path.join(' ')}`);
    const command = await node.load?.();
    assert.ok(command !== undefined);
    const text = helpText({ path: ['docker', ...path], node, command, flags: command.flags, children: [], columns: 79 });
    assert.ok(text.startsWith(`Usage:  docker ${path.join(' ')}`), path.join(' '));
    assert.ok(node.summary !== '' && text.includes((command.description ?? node.summary).trim()));
  }
});

test('failures on several containers must be told together, after the successes', async () => {
  await using daemon = await FakeDaemon.start({ answer: ({ target }) => (target.includes('/bad') ? { status: 404, json: { message: `No such container: ${/bad\d/.exec(target)?.[0]}` } } : { status: 204 }) });
  const result = await runCli(['stop', 'a', 'bad1', 'b', 'bad2'], { socketPath: daemon.socketPath });
  assert.deepEqual(result, { code: 1, signal: null, stdout: 'a\nb\n', stderr: 'Error response from daemon: No such container: bad1\nError response from daemon: No such container: bad2\n' });
  const forced = await runCli(['rm', '-f', 'bad1', '/a/'], { socketPath: daemon.socketPath });
  assert.deepEqual(forced, { code: 0, signal: null, stdout: '/a/\n', stderr: 'Error response from daemon: No such container: bad1\n' });
});

test('the first interrupt must end a command that waits, with its exit code', async () => {
  await using daemon = await FakeDaemon.start({
    answer: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.flushHeaders();
      arrived.resolve();
      return undefined;
    },
  });
  const arrived = Promise.withResolvers<void>();
  const running = startCli(['wait', 'x'], { socketPath: daemon.socketPath });
  await arrived.promise;
  running.process.kill('SIGINT');
  assert.deepEqual(await running.result, { code: 130, signal: null, stdout: '', stderr: '' });
});

test('an interrupt in place of an answer must end the program without a failure, and do nothing', async () => {
  await using daemon = await FakeDaemon.start({ answer: () => assert.fail('nothing may be asked of the daemon') });
  const running = startCli(['container', 'prune'], { socketPath: daemon.socketPath });
  const asked = Promise.withResolvers<void>();
  let shown = '';
  running.process.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    if (shown.endsWith('[y/N] ')) asked.resolve();
  });
  await Promise.race([asked.promise, running.result]);
  running.process.kill('SIGINT');
  const { code, stdout, stderr } = await running.result;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.ok(stdout.endsWith('[y/N] \n'), stdout);
});

test('the context in use must say where the daemon is', async () => {
  await using daemon = await FakeDaemon.start({ answer: () => ({ status: 204 }) });
  const directory = mkdtempSync(join(tmpdir(), 'dhow-config-'));
  try {
    const place = join(directory, 'contexts/meta', createHash('sha256').update('mine').digest('hex'));
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'meta.json'), JSON.stringify({ Name: 'mine', Endpoints: { docker: { Host: `unix://${daemon.socketPath}`, SkipTLSVerify: false } } }));
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ currentContext: 'mine', HttpHeaders: { 'X-Mine': 'yes' } }));
    const environment = { DOCKER_CONFIG: directory };
    assert.equal((await runCli(['stop', 'x'], { environment })).stdout, 'x\n');
    assert.equal(daemon.requests[0]?.headers['x-mine'], 'yes');
    const other = await runCli(['--context', 'other', 'stop', 'x'], { environment });
    assert.match(other.stderr, /^Failed to initialize: unable to resolve docker endpoint: context "other": context not found: open .*meta\.json: no such file or directory\n$/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a shell must be told what a word may become', async () => {
  await using daemon = await FakeDaemon.start({
    answer: () => ({ status: 200, json: [{ Id: 'i1', Names: ['/web'], State: 'running' }, { Id: 'i2', Names: ['/db'], State: 'exited' }] }),
  });
  const complete = async (...words: string[]): Promise<string> => (await runCli(['__complete', ...words], { socketPath: daemon.socketPath })).stdout;
  assert.equal(await complete('ren'), 'rename\tRename a container\n:4\n');
  assert.equal(await complete('stop', ''), 'web\ndb\n:4\n');
  assert.equal(await complete('stop', 'web', ''), 'db\n:4\n');
  assert.equal(await complete('start', ''), 'db\n:4\n');
  assert.equal(await complete('run', '--restart', ''), 'no\nalways\non-failure\nunless-stopped\n:4\n');
  assert.equal(await complete('run', '--env-file', ''), ':0\n');
  assert.equal(await complete('rm', '-f', '--'), '--link\tRemove the specified link\n--volumes\tRemove anonymous volumes associated with the container\n:4\n');
  assert.equal(await complete('run', 'busybox', '--'), ':4\n');
});
