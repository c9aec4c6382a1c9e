/** The Dockerfiles of `examples/` build and run. Needs a Debian host whose apt reaches a mirror, as bootstrapping does, and the npm registry. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { get, request, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { after, before, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCli, type CliResult } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
let daemon: TestDaemon;
before(async () => {
  daemon = await TestDaemon.start();
  const bootstrapped = await dhow(['image', 'bootstrap', 'debian:bookworm']);
  assert.equal(bootstrapped.code, 0, bootstrapped.stderr);
});
after(async () => daemon[Symbol.asyncDispose]());

async function dhow(words: readonly string[], options: { environment?: Readonly<Record<string, string>>; input?: string } = {}): Promise<CliResult> {
  return await runCli(words, { program: 'dhow', socketPath: daemon.socket, directory: examples, ...options });
}

async function build(name: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const { code, stderr } = await dhow(['build', '--progress', 'plain', '-t', name, ...words, name], { environment });
  assert.equal(code, 0, stderr);
}

/** Starts a container and answers its address. */
async function serve(t: TestContext, name: string, port: number): Promise<string> {
  const { stdout, stderr, code } = await dhow(['run', '-d', '--name', name, name]);
  assert.equal(code, 0, stderr);
  t.after(async () => await dhow(['rm', '-f', name]));
  const { NetworkSettings } = await daemon.client.containers.inspect(stdout.trim());
  return `http://${NetworkSettings.Networks['bridge']?.IPAddress ?? ''}:${port}`;
}

async function fetched(address: string): Promise<string> {
  let answered = '';
  await eventually(`${address} answers`, async () => {
    const [answer] = (await once(get(address), 'response')) as [IncomingMessage];
    answered = await text(answer);
  });
  return answered;
}

test('secrets, here-documents, contexts by name and checks must do what their examples say', async () => {
  // Before it was built: a step that was made is not made again.
  assert.equal((await dhow(['build', 'secrets'])).code, 1, 'without its secret it fails');
  await build('secrets', ['--secret', 'id=token,env=TOKEN'], { TOKEN: 'three' });
  assert.match((await dhow(['run', '--rm', 'secrets'])).stdout, /^5\n[0-9a-f]{64} {2}-\n$/);
  await build('heredocs', ['--build-arg', 'NAME=reader']);
  assert.equal((await dhow(['run', '--rm', 'heredocs'])).stdout, 'hello reader\nmade by a script\n1\n4\n9\nrun as /srv/bin/show\n');
  assert.equal((await dhow(['run', '--rm', 'heredocs', 'cat', '/srv/bin/about.txt'])).stdout, 'costs $5\n');
  await build('contexts', ['--build-context', 'texts=contexts/texts']);
  assert.equal((await dhow(['run', '--rm', 'contexts'])).stdout, 'a text of another directory\n');
  const checked = await dhow(['build', '--check', 'checks']);
  assert.deepEqual([checked.code, [...checked.stdout.matchAll(/^WARNING: (\w+)/gm)].map((match) => match[1])], [1, ['StageNameCasing', 'SecretsUsedInArgOrEnv', 'LegacyKeyValueFormat', 'WorkdirRelativePath', 'JSONArgsRecommended', 'MultipleInstructionsDisallowed', 'JSONArgsRecommended', 'MaintainerDeprecated']]);
});

test('a Python service of Debian packages must build, pass its tests and run', async (t) => {
  await build('python-service');
  const notes = await serve(t, 'python-service', 8000);
  await fetched(notes);
  const posted = request(notes, { method: 'POST' }).end('buy milk');
  await once(posted, 'response');
  assert.equal(await fetched(notes), '1. buy milk\n');
  const tested = await dhow(['build', '--progress', 'plain', '--target', 'test', 'python-service']);
  assert.equal(tested.code, 0, tested.stderr);
  assert.match(tested.stderr, /Ran 1 test/);
});

test('a web server of Debian packages must build and run', async (t) => {
  await build('nginx');
  assert.match(await fetched(await serve(t, 'nginx', 80)), /Served by nginx/);
});

test('a C program must build in one stage and run in another that has nothing else', async () => {
  await build('c-program');
  assert.equal((await dhow(['run', '--rm', '-i', 'c-program'], { input: 'one two\nthree\n' })).stdout, '3\n');
  const { Size } = await daemon.client.images.inspect('c-program');
  assert.ok((Size ?? 0) < 2_000_000, `the compiler stays behind: ${Size} bytes`);
});

test('a Node service with dependencies of npm must build and run', async (t) => {
  // Machines that reach the registry by certificates or a mirror of their own say so in their environment.
  const certificates = process.env['NODE_EXTRA_CA_CERTS'] ?? '';
  const registry = process.env['npm_config_registry'] ?? '';
  await build('node-service', [
    ...(certificates === '' ? [] : ['--secret', `id=certificates,src=${certificates}`]),
    ...(registry === '' ? [] : ['--build-arg', `NPM_REGISTRY=${registry.replace(/\/$/, '')}`]),
  ]);
  const answer = JSON.parse(await fetched(await serve(t, 'node-service', 3000))) as { count: number; request: string };
  assert.deepEqual([answer.count, answer.request.length], [1, 21]);
});

/** The agent is one of ours that has a key by name only. */
test('a step must reach the agent of the user', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-agent-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const field = (bytes: Uint8Array): Buffer => Buffer.concat([lengthOf(bytes.length), bytes]);
  const key = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.alloc(32, 7))]);
  // SSH_AGENT_IDENTITIES_ANSWER with one key (draft-miller-ssh-agent, 4.4).
  const identities = field(Buffer.concat([Buffer.from([12]), lengthOf(1), field(key), field(Buffer.from('key-of-the-test'))]));
  const agent = createServer((socket) => void socket.on('data', () => void socket.write(identities)).on('error', () => undefined));
  agent.listen(join(directory, 'agent'));
  await once(agent, 'listening');
  t.after(() => void agent.close());
  await build('ssh', ['--ssh', `default=${join(directory, 'agent')}`]);
  assert.match((await dhow(['run', '--rm', 'ssh'])).stdout, /^256 SHA256:\S+ key-of-the-test \(ED25519\)\n$/);
});

function lengthOf(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
