import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { startCannedDaemon, type CannedDaemon } from './canned-daemon.ts';
import { runCli, type CliResult } from './run-cli.ts';

const success = { 'POST /auth': { Status: 'Login Succeeded', IdentityToken: '' } };
const auth = Buffer.from('me:secret').toString('base64');

interface Home {
  readonly daemon: CannedDaemon;
  readonly directory: string;
  readonly file: string;
  readonly run: (words: readonly string[], options?: { input?: string; path?: string }) => Promise<CliResult>;
  readonly read: () => Record<string, unknown>;
}

function homeOf(daemon: CannedDaemon): Home {
  const directory = join(daemon.directory, 'config');
  const file = join(directory, 'config.json');
  return {
    daemon,
    directory,
    file,
    run: async (words, { input = '', path } = {}) =>
      await runCli(words, { input, environment: { DOCKER_HOST: daemon.address, DOCKER_CONFIG: directory, ...(path === undefined ? {} : { PATH: `${path}:${process.env['PATH']}` }) } }),
    read: () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>,
  };
}

/** A helper that keeps each server's credentials in a file beside it. */
function makeHelper(directory: string, name: string): string {
  const place = join(directory, 'bin');
  mkdirSync(place, { recursive: true });
  const program = join(place, `docker-credential-${name}`);
  writeFileSync(program, `#!/bin/sh
store=${place}/${name}.store
mkdir -p "$store"
read -r input
case $1 in
  store) echo "$input" > "$store/$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/; s,[/:],_,g')" ;;
  get) file="$store/$(echo "$input" | sed 's,[/:],_,g')"; if [ -f "$file" ]; then cat "$file"; else echo 'credentials not found in native keychain'; exit 1; fi ;;
  erase) rm -f "$store/$(echo "$input" | sed 's,[/:],_,g')" ;;
  list) echo '{}' ;;
  *) echo "unknown $1"; exit 1 ;;
esac
`);
  chmodSync(program, 0o755);
  return place;
}

test('login must keep the password in config.json, say so, and leave all else in the file alone', async () => {
  await using daemon = await startCannedDaemon(success);
  const { run, read, file, directory } = homeOf(daemon);
  mkdirSync(directory);
  const before = { somethingNew: { deep: [1, 2] }, HttpHeaders: { 'X-Meta': 'y' }, auths: { 'z.example': { auth: 'eDp5' } }, proxies: { default: { httpProxy: 'p' } } };
  writeFileSync(join(directory, 'real.json'), JSON.stringify(before), { mode: 0o640 });
  symlinkSync('real.json', file);
  const { code, stdout, stderr } = await run(['login', '-u', 'me', '--password-stdin', 'https://a.example:5000/v1/'], { input: 'secret\r\n' });
  assert.deepEqual([code, stdout], [0, 'Login Succeeded\n']);
  assert.equal(stderr, `\nWARNING! Your credentials are stored unencrypted in '${file}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`);
  assert.deepEqual(read(), { ...before, auths: { 'a.example:5000': { auth }, 'z.example': { auth: 'eDp5' } } });
  assert.deepEqual(Object.keys(read()), ['auths', 'HttpHeaders', 'proxies', 'somethingNew']);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.ok(existsSync(join(directory, 'real.json')));
  const again = await run(['login', '-u', 'me', '--password-stdin', 'a.example:5000'], { input: 'secret' });
  assert.deepEqual([again.stderr, again.stdout], ['', 'Login Succeeded\n']);
  const out = await run(['logout', 'a.example:5000']);
  assert.deepEqual([out.code, out.stdout, out.stderr], [0, 'Removing login credentials for a.example:5000\n', '']);
  assert.deepEqual(read(), before);
});

test('a first login must make a file that others cannot read', async () => {
  await using daemon = await startCannedDaemon(success);
  const { run, file } = homeOf(daemon);
  const { stderr } = await run(['login', '-u', 'me', '-p', 'secret']);
  assert.match(stderr, /^WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file, 'utf8'), `{\n\t"auths": {\n\t\t"https://index.docker.io/v1/": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}`);
});

test('a token that the registry gives must be kept instead of the password', async () => {
  await using daemon = await startCannedDaemon({ 'POST /auth': { Status: 'Login Succeeded', IdentityToken: 'long' } });
  const { run, read } = homeOf(daemon);
  const { stderr } = await run(['login', '-u', 'me', '--password-stdin', 'a.example'], { input: 'secret' });
  assert.equal(stderr, '');
  assert.deepEqual(read(), { auths: { 'a.example': { auth: Buffer.from('me:').toString('base64'), identitytoken: 'long' } } });
});

test('credentials must be kept with the helper that is configured, and be taken from it', async () => {
  await using daemon = await startCannedDaemon({ ...success, 'GET /images/search': [] });
  const { run, read, file, directory } = homeOf(daemon);
  const path = makeHelper(daemon.directory, 'test');
  mkdirSync(directory);
  writeFileSync(file, JSON.stringify({ credsStore: 'absent', credHelpers: { 'a.example': 'test' } }));
  const { code, stderr } = await run(['login', '-u', 'me', '--password-stdin', 'a.example'], { input: 'secret', path });
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual(read(), { auths: { 'a.example': {} }, credsStore: 'absent', credHelpers: { 'a.example': 'test' } });
  assert.deepEqual(JSON.parse(readFileSync(join(path, 'test.store/a.example'), 'utf8')), { ServerURL: 'a.example', Username: 'me', Secret: 'secret' });
  const stored = await run(['login', 'a.example'], { path });
  assert.equal(stored.stderr, "Authenticating with existing credentials... [Username: me]\n\n Info -> To login with a different account, run 'docker logout' followed by 'docker login'\n\n\n");
  assert.equal(stored.stdout, 'Login Succeeded\n');
  const broken = await run(['login', '-u', 'me', '--password-stdin', 'b.example'], { input: 'secret', path });
  assert.deepEqual([broken.code, broken.stderr], [1, 'Error saving credentials: error storing credentials - err: exec: "docker-credential-absent": executable file not found in $PATH, out: ``\n']);
  await run(['logout', 'a.example'], { path });
  assert.equal(existsSync(join(path, 'test.store/a.example')), false);
  assert.deepEqual(read(), { auths: {}, credsStore: 'absent', credHelpers: { 'a.example': 'test' } });
});

test('what login lacks must be told in Docker’s words before anybody is asked', async () => {
  await using daemon = await startCannedDaemon(success);
  const { run } = homeOf(daemon);
  const fails = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await run(['login', ...words]);
    assert.equal(code, 1);
    return stderr;
  };
  assert.equal(await fails('a.example'), 'Error: Cannot perform an interactive login from a non TTY device\n');
  assert.equal(await fails('-u', 'me', 'a.example'), 'Error: Cannot perform an interactive login from a non TTY device\n');
  assert.equal(await fails('--password-stdin'), 'the --password-stdin option requires --username to be set\n');
  assert.equal(await fails('--password-stdin', '-p', 'x'), 'conflicting options: cannot specify both --password and --password-stdin\n');
  assert.equal(await fails('-u', ''), 'username is empty\n');
  assert.deepEqual(daemon.requests, []);
});
