/** What builds take from elsewhere: addresses of the web, Git repositories, contexts of other names; and a shell where a step fails. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import test, { after, before, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { readMounts } from '#kernel/mounts.ts';
import { runCli, startCli, type CliResult } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { SourceServer } from '../fixtures/source-server.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;
let server: SourceServer;
before(async () => {
  server = await SourceServer.start();
  daemon = await TestDaemon.start();
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function contextOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-context-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

async function build(context: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return await runCli(['build', '--progress', 'plain', ...words, context], { program: 'dhow', socketPath: daemon.socket, environment });
}

/** What the steps of a build wrote. */
function written({ stderr }: CliResult): string[] {
  return [...stderr.matchAll(/^#\d+ \d+\.\d{3} (.*)$/gm)].map((match) => match[1] ?? '');
}

async function archive(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const members = Object.entries(files).map(([name, text]): TarMember => ({ header: { name, type: 'file', mode: 0o644, size: Buffer.byteLength(text), modified: { seconds: 1_600_000_000, nanoseconds: 0 } }, body: Buffer.from(text) }));
  return await buffer(Readable.from(writeTar(members)));
}

const assertNothingLeft = async (): Promise<void> =>
  await eventually('nothing of a build is left', () => {
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds', 'solves')), []);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'containers')), []);
    assert.deepEqual(readMounts().filter(({ mountPoint }) => mountPoint.startsWith(`${daemon.root}/`) && /merged|-mounts/.test(mountPoint)), []);
  });

test('a file behind an address must come with its name and time, be checked, and not be fetched again while it is the same', async (t) => {
  server.files.set('/files/tool.txt', { body: 'tool\n', headers: { 'Last-Modified': 'Sun, 13 Sep 2020 12:26:40 GMT', ETag: '"one"' } });
  const digest = createHash('sha256').update('tool\n').digest('hex');
  const text = (checksum: string): string => `FROM busybox\nADD --checksum=sha256:${checksum} --chmod=750 ${server.url}/files/tool.txt /got/\nRUN stat -c '%n %a %u %Y' /got/*\n`;
  const first = await build(contextOf(t, { Dockerfile: text(digest) }));
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(written(first), ['/got/tool.txt 750 0 1600000000']);
  const again = await build(contextOf(t, { Dockerfile: text(digest) }));
  assert.match(again.stderr, /CACHED/);
  assert.deepEqual(server.asked.filter((line) => line.includes('tool.txt')), ['GET /files/tool.txt 200', 'GET /files/tool.txt 304']);

  const wrong = await build(contextOf(t, { Dockerfile: text('0'.repeat(64)) }));
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, new RegExp(`failed to solve: digest mismatch sha256:${digest}: sha256:0{64}\n$`));
  for (const [address, message] of [
    [`${server.url}/absent`, 'failed to load cache key: invalid response status 404'],
    ['http://127.0.0.1:1/x', 'failed to load cache key: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'],
    ['http:///x', 'failed to load cache key: Get "http:///x": http: no Host in request URL'],
  ] as const) {
    const failed = await build(contextOf(t, { Dockerfile: `FROM busybox\nADD ${address} /x\n` }));
    assert.equal(failed.code, 1);
    assert(failed.stderr.endsWith(`ERROR: failed to build: failed to solve: ${message}\n`), failed.stderr);
  }
  await assertNothingLeft();
});

test('an address that several steps take from must be fetched once in a build', async (t) => {
  server.files.set('/files/once.txt', { body: 'once\n' });
  const address = `${server.url}/files/once.txt`;
  const built = await build(contextOf(t, { Dockerfile: `FROM busybox AS first\nADD ${address} /a/\nADD ${address} /b/\nFROM busybox\nADD --chmod=700 ${address} ${address} /c/\nCOPY --from=first /a /b /d/\nRUN cat /c/once.txt /d/once.txt\n` }));
  assert.deepEqual(written(built), ['once', 'once'], built.stderr);
  assert.deepEqual(server.asked.filter((line) => line.includes('once.txt')), ['GET /files/once.txt 200']);
});

test('a context behind an address must be an archive, compressed or not, or a Dockerfile', async () => {
  const tar = await archive({ Dockerfile: 'FROM busybox\nCOPY told /\nRUN cat /told\n', told: 'by an archive\n', 'other/Dockerfile': 'FROM busybox\nRUN echo other\n' });
  server.files.set('/context.tar', { body: tar });
  server.files.set('/context.tar.gz', { body: gzipSync(tar) });
  server.files.set('/Dockerfile', { body: 'FROM busybox\nRUN echo alone\n' });
  for (const name of ['context.tar', 'context.tar.gz']) assert.deepEqual(written(await build(`${server.url}/${name}`, ['--no-cache'])), ['by an archive'], name);
  assert.deepEqual(written(await build(`${server.url}/context.tar`, ['-f', 'other/Dockerfile'])), ['other']);
  assert.deepEqual(written(await build(`${server.url}/Dockerfile`)), ['alone']);
  const missing = await build(`${server.url}/nothing`);
  assert.match(missing.stderr, /failed to solve: failed to read downloaded context: failed to load cache key: invalid response status 404\n$/);
});

test('files that are named as whiteouts must be files where they are copied or unpacked', async (t) => {
  const directory = contextOf(t, { 'tree/.wh.kept': 'named so\n', Dockerfile: 'FROM busybox AS first\nRUN mkdir -p /a/d /b && touch /a/d/kept /a/kept /b/kept\nADD names.tar /a/\nCOPY tree /b/\nFROM first\nCOPY --from=first /a /c\nRUN find /a /b /c -type f | sort; cat /b/.wh.kept\n' });
  writeFileSync(join(directory, 'names.tar'), await archive({ '.wh.kept': '', 'd/.wh..wh..opq': '', 'd/.wh.kept': '' }));
  const built = await build(directory);
  const ofArchive = ['.wh.kept', 'd/.wh..wh..opq', 'd/.wh.kept', 'd/kept', 'kept'];
  assert.deepEqual(written(built), [...ofArchive.map((name) => `/a/${name}`), '/b/.wh.kept', '/b/kept', ...ofArchive.map((name) => `/c/${name}`), 'named so'], built.stderr);
});

test('files that a command names as whiteouts must be files, beside what it really removes', async (t) => {
  const directory = contextOf(t, {
    Dockerfile: [
      'FROM busybox',
      'RUN mkdir /w /w/gone && cd /w && touch x kept gone/file .wh.before && ln kept linked',
      'RUN cd /w && echo plain >.wh.x && echo opaque >.wh..wh..opq && mkdir .wh.d && ln -s x .wh.l && ln .wh.x .wh.h',
      'RUN cd /w && rm -r x gone .wh.h && touch -d @1000 .wh.gone && echo same >.wh.kept',
      'RUN cd /w && ls -A; cat .wh.x .wh..wh..opq .wh.kept',
      '',
    ].join('\n'),
  });
  const built = await build(directory);
  assert.deepEqual(written(built), ['.wh..wh..opq', '.wh.before', '.wh.d', '.wh.gone', '.wh.kept', '.wh.l', '.wh.x', 'kept', 'linked', 'plain', 'opaque', 'same'], built.stderr);
});

test('repositories must be contexts and sources, by branch, tag, commit and directory, with those within them', async (t) => {
  await server.commit('within', { 'within.txt': 'within\n' });
  const first = await server.commit('project', { Dockerfile: 'FROM busybox\nCOPY . /c\nRUN cat /c/version; ls -a /c | tr "\\n" " "\n', version: 'one\n', 'sub/Dockerfile': 'FROM busybox\nRUN echo from below\n' }, { tag: 'v1' });
  await server.commit('project', { version: 'two\n' }, { branch: 'next' });
  const whole = server.repository('project');
  const line = '. .. Dockerfile sub version ';
  assert.deepEqual(written(await build(whole)), ['one', line]);
  assert.deepEqual(written(await build(`${whole}#next`)), ['two', line]);
  assert.deepEqual(written(await build(`${whole}?branch=next`, ['--no-cache'])), ['two', line]);
  assert.deepEqual(written(await build(`${whole}#v1`, ['--no-cache'])), ['one', line]);
  assert.deepEqual(written(await build(`${whole}#${first}`, ['--no-cache'])), ['one', line]);
  assert.deepEqual(written(await build(`${whole}#v1:sub`)), ['from below']);

  await server.commit('project', {}, { branch: 'whole', run: [['submodule', 'add', '--quiet', server.repository('within'), 'inner']] });
  const add = await build(contextOf(t, { Dockerfile: `FROM busybox\nADD --keep-git-dir=true ${whole}#whole /src\nADD ${whole}?tag=v1&subdir=sub /sub\nRUN cat /src/inner/within.txt; ls -d /src/.git; ls /sub\n` }));
  assert.deepEqual(written(add), ['within', '/src/.git', 'Dockerfile'], add.stderr);
  const named = await build(contextOf(t, { Dockerfile: 'FROM busybox\nCOPY --from=elsewhere version /\nRUN cat /version\n' }), ['--build-context', `elsewhere=${whole}#next`]);
  assert.deepEqual(written(named), ['two'], named.stderr);
  for (const [address, message] of [
    [`${whole}#absent`, 'failed to load cache key: repository does not contain ref absent, output: ""'],
    [`${whole}#:absent`, 'failed to open subdir absent: no such file or directory'],
    [`${whole}?depth=1`, 'unexpected query "depth"'],
    [`${whole}?checksum=abcdef`, 'failed to load cache key: repository does not contain ref abcdef, output: ""'],
  ] as const) {
    const failed = await build(address);
    assert.equal(failed.code, 1);
    assert(failed.stderr.includes(`failed to solve: ${message}`), failed.stderr);
  }
});

test('a link of a repository must not lead a build out of it', async () => {
  await server.commit('links', { Dockerfile: 'FROM scratch\n' }, { links: { etc: '/etc' } });
  const failed = await build(`${server.repository('links')}#:etc`);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /failed to solve: failed to open subdir etc: no such file or directory\n$/);
});

test('a repository that wants it must get the secret of its host, which is told to nobody', async (t) => {
  await server.commit('private', { Dockerfile: 'FROM busybox\nRUN echo opened\n' });
  server.authorization = `basic ${Buffer.from('x-access-token:the-token').toString('base64')}`;
  t.after(() => (server.authorization = undefined));
  const address = server.repository('private');
  const refused = await build(address);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /could not read Username|Authentication failed/);
  const opened = await build(address, ['--secret', 'id=GIT_AUTH_TOKEN,env=TOKEN'], { TOKEN: 'the-token' });
  assert.deepEqual(written(opened), ['opened'], opened.stderr);
  assert.doesNotMatch(opened.stderr, /the-token/);
  const other = await build(address, ['--secret', `id=GIT_AUTH_TOKEN.127.0.0.1:${server.port},env=TOKEN`, '--secret', 'id=GIT_AUTH_TOKEN,env=WRONG', '--no-cache'], { TOKEN: 'the-token', WRONG: 'x' });
  assert.deepEqual(written(other), ['opened'], other.stderr);
});

test('contexts by name must be directories with their own list of what is ignored, images and other addresses', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM base\nCOPY --from=texts . /t\nCOPY --from=web . /w\nRUN ls /t /w | tr "\\n" " "\n', 'texts/kept': 'k', 'texts/dropped': 'd', 'texts/.dockerignore': 'dropped\n' });
  server.files.set('/single.txt', { body: 'single' });
  const { code, stderr } = await build(directory, ['--build-context', `texts=${join(directory, 'texts')}`, '--build-context', 'base=docker-image://busybox', '--build-context', `web=${server.url}/single.txt`]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^#\d+ [\d.]+ \/t: kept {2}\/w: single\.txt $/m);
});

test('an image of a directory in OCI layout must be a context, read from the client alone', async (t) => {
  const directory = contextOf(t, { 'base/Dockerfile': 'FROM busybox\nRUN echo layer > /of-layout\nENV OF=layout\n', Dockerfile: 'FROM base\nCOPY --from=base /of-layout /copied\nRUN cat /copied; echo $OF\n' });
  assert.equal((await build(join(directory, 'base'), ['-o', `type=oci,dest=${join(directory, 'base.tar')}`])).code, 0);
  mkdirSync(join(directory, 'layout'));
  assert.equal((await promisify(execFile)('tar', ['-xf', join(directory, 'base.tar'), '-C', join(directory, 'layout')])).stderr, '');
  const images = async (): Promise<string[]> => (await daemon.client.images.list({ all: true })).map(({ Id }) => Id).sort();
  const before = await images();
  const built = await build(directory, ['--build-context', `base=oci-layout://${join(directory, 'layout')}`, '-o', 'type=cacheonly']);
  assert.deepEqual(written(built), ['layer', 'layout'], built.stderr);
  assert.deepEqual(await images(), before, 'the image is no image of the engine');
  // Layers are here by now, and not asked for again.
  const { manifests } = JSON.parse(readFileSync(join(directory, 'layout/index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const blob = manifests[0]?.digest.replace('sha256:', '') ?? '';
  writeFileSync(join(directory, 'layout/blobs/sha256', blob), 'damaged');
  const damaged = await Promise.all(readdirSync(join(directory, 'layout/blobs/sha256')).map(async (name) => await build(directory, ['--build-context', `base=oci-layout://${join(directory, 'layout')}@sha256:${name}`, '--no-cache'])));
  assert.deepEqual(damaged.filter(({ code }) => code !== 1), []);
  const missing = await build(directory, ['--build-context', `base=oci-layout://${join(directory, 'base')}`]);
  assert.match(missing.stderr, /oci-layout reference "oci-layout:\/\/[^"]+" could not be resolved: could not read [^ ]+index\.json: open [^ ]+: no such file or directory\n$/);
  await assertNothingLeft();
});

test('options that mean nothing must be refused before the daemon is asked, in buildx’s words', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\n' });
  for (const [words, message] of [
    [['--secret', 'src=/absent'], 'ERROR: failed to build: secret missing ID'],
    [['--secret', 'id=s,foo=1'], "ERROR: unexpected key 'foo' in 'foo=1'"],
    [['--ssh', 'default'], 'ERROR: failed to build: failed to convert agent config {default [] false}: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set'],
    [['--ssh', 'k=/etc/passwd'], 'ERROR: failed to build: failed to convert agent config {k [/etc/passwd] false}: failed to convert agent config for ID: "k": failed to parse /etc/passwd: ssh: no key found'],
    [['--network', 'own'], 'ERROR: failed to build: network mode "own" not supported by buildkit - you can define a custom network for your builder using the network driver-opt in buildx create'],
    [['--add-host', 'name:1.2.3.4.5'], 'ERROR: failed to build: invalid host name:1.2.3.4.5'],
    [['--build-context', 'x=target:t'], 'ERROR: failed to build: failed to find target t for context x'],
    [['--platform', 'a/b/c/d'], 'ERROR: failed to build: "a/b/c/d": cannot parse platform specifier: invalid argument'],
    [['-t', 'UPPER:x'], 'ERROR: failed to build: invalid tag "UPPER:x": repository name must be lowercase'],
    [['-q'], 'ERROR: progress=plain and quiet cannot be used together'],
  ] as const) {
    const { code, stderr } = await build(directory, words);
    assert.deepEqual([code, stderr], [1, `${message}\n`]);
  }
});

test('archives that are damaged, or lead out of where they are unpacked, must fail the build or stay files, and leave nothing', async (t) => {
  const good = await archive({ 'a/b': 'b\n' });
  const evil = await archive({ '../evil': 'x' });
  const link = (name: string, linkName: string): TarMember => ({ header: { name, type: 'symlink', linkName, mode: 0o777, modified: { seconds: 0, nanoseconds: 0 } } });
  const through = async (linkName: string): Promise<Buffer> => await buffer(Readable.from(writeTar([link('lnk', linkName), { header: { name: 'lnk/evil', type: 'file', mode: 0o644, size: 1, modified: { seconds: 0, nanoseconds: 0 } }, body: Buffer.from('x') }])));
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nADD --chown=7:8 good.tar.gz broken.tar.gz plain.gz /x/\nRUN stat -c "%n %u" /x/* /x/a/b\n', 'evil/Dockerfile': 'FROM busybox\nADD evil.tar /x/\n', 'above/Dockerfile': 'FROM busybox\nADD above.tar /x/\n', 'absolute/Dockerfile': 'FROM busybox\nADD absolute.tar /x/\nRUN ls /x/etc; ! ls /etc/evil 2>/dev/null\n' });
  writeFileSync(join(directory, 'good.tar.gz'), gzipSync(good));
  writeFileSync(join(directory, 'broken.tar.gz'), gzipSync(good).subarray(0, 40));
  writeFileSync(join(directory, 'plain.gz'), gzipSync('words'));
  writeFileSync(join(directory, 'evil/evil.tar'), evil);
  const built = await build(directory);
  assert.deepEqual(written(built), ['/x/a 0', '/x/broken.tar.gz 7', '/x/plain.gz 7', '/x/a/b 7'], built.stderr);
  writeFileSync(join(directory, 'above/above.tar'), await through('../../etc'));
  writeFileSync(join(directory, 'absolute/absolute.tar'), await through('/etc'));
  assert.match((await build(join(directory, 'above'))).stderr, /failed to solve: statat lnk: path escapes from parent\n$/);
  // The place where it is unpacked is the root of all links in it.
  assert.deepEqual(written(await build(join(directory, 'absolute'))), ['evil']);
  const refused = await build(join(directory, 'evil'));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /failed to solve: invalid entry name "\.\.\/evil"\n$/);
  await assertNothingLeft();
});

test('frontends must be the one that is built in, by any of its names', async (t) => {
  for (const line of ['docker/dockerfile:1', 'docker.io/docker/dockerfile:1.7-labs', 'docker/dockerfile-upstream:master']) {
    assert.equal((await build(contextOf(t, { Dockerfile: `# syntax=${line}\nFROM busybox\nCOPY --parents sub/f /p/\n`, 'sub/f': 'f' }))).code, 0, line);
  }
  const other = await build(contextOf(t, { Dockerfile: '# syntax=example.com/other/frontend:2\nFROM busybox\n' }));
  assert.equal(other.code, 1);
  assert.match(other.stderr, /failed to solve with frontend example\.com\/other\/frontend:2: frontends other than docker\/dockerfile cannot be run/);
});

test('the outline of a build must name its arguments, secrets and agents', async (t) => {
  const directory = contextOf(t, { Dockerfile: ['ARG V=1', 'FROM busybox AS base', '# V which one', 'ARG V', 'RUN --mount=type=secret,id=token,required --mount=type=ssh true', '# out the result', 'FROM base AS out', 'ARG W="q"', ''].join('\n') });
  const { code, stdout } = await build(directory, ['--call', 'outline']);
  assert.equal(code, 0);
  assert.equal(stdout, 'TARGET:      out\nDESCRIPTION: the result\n\nBUILD ARG   VALUE   DESCRIPTION\nV           1       \nW           q       \n\nSECRET   REQUIRED\ntoken    true\n\nSSH       REQUIRED\ndefault   \n\n');
});

test('POST /build must take contexts that are elsewhere, and build by the solver with version=2', async () => {
  server.files.set('/plain/Dockerfile', { body: 'FROM busybox\nRUN echo by-address\n', headers: { 'Content-Type': 'text/plain' } });
  await server.commit('posted', { Dockerfile: 'FROM busybox\nCOPY f /f\nRUN cat /f\n', f: 'by-repository\n' });
  const post = async (query: Readonly<Record<string, string>>, body?: Buffer): Promise<{ stream?: string; error?: string; message?: string; id?: string; aux?: { ID?: string } }[]> => {
    const asked = request({ socketPath: daemon.socket, method: 'POST', path: `/v1.51/build?${new URLSearchParams(query).toString()}`, headers: { 'Content-Type': 'application/x-tar' } }).end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return String(await buffer(answer)).trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as object);
  };
  const textOf = (messages: readonly { stream?: string }[]): string => messages.map(({ stream = '' }) => stream).join('');
  assert.match(textOf(await post({ remote: `${server.url}/plain/Dockerfile` })), /by-address\n[\s\S]*Successfully built/);
  assert.match(textOf(await post({ remote: server.repository('posted') })), /by-repository\n[\s\S]*Successfully built/);
  assert.deepEqual(await post({ remote: 'nowhere' }), [{ message: 'remoteURL (nowhere) could not be recognized as URL' }]);
  assert.deepEqual(await post({ remote: `${server.url}/absent` }), [{ message: `error downloading remote context ${server.url}/absent: failed to GET ${server.url}/absent with status 404 Not Found: nothing here` }]);

  const context = await archive({ Dockerfile: 'FROM busybox\nRUN echo by-solver > /made\n' });
  const messages = await post({ version: '2', t: 'by-solver' }, context);
  assert.deepEqual([...new Set(messages.map(({ id }) => id))], ['moby.buildkit.trace', 'moby.image.id']);
  assert.equal(messages.at(-1)?.aux?.ID, (await daemon.client.images.inspect('by-solver')).Id);
  assert.match((await post({ version: '2' }, await archive({ Dockerfile: 'FROM busybox\nRUN exit 3\n' }))).at(-1)?.error ?? '', /^process "\/bin\/sh -c exit 3" did not complete successfully: exit code: 3$/);
  await assertNothingLeft();
});

test('--debug must open a shell in the state of the step that failed, and leave nothing', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nENV GREETING=hello\nUSER 5\nWORKDIR /work\nRUN --mount=type=bind,source=bound,target=/bound touch made; exit 3\n', 'bound/file': 'bound\n' });
  const asked = await build(directory, ['--debug=pwd; id -u; echo $GREETING; cat /bound/file; ls; exit 7']);
  assert.equal(asked.code, 1);
  assert.equal(asked.stdout, '/work\n5\nhello\nbound\nmade\n');
  assert.match(asked.stderr, /exit code: 7\n/);
  assert.match(asked.stderr, /did not complete successfully: exit code: 3\n$/);
  const typed = startCli(['build', '--progress', 'plain', '--debug', directory], { program: 'dhow', socketPath: daemon.socket });
  let shown = '';
  typed.process.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  typed.process.stdin?.end('echo typed $GREETING\nexit\n');
  assert.equal((await typed.result).code, 1);
  assert.equal(shown, 'typed hello\n');
  // A build that asks for none fails as ever.
  assert.equal((await build(directory)).stdout, '');
  await assertNothingLeft();
});
