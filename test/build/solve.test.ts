/** Builds by the solver on a real daemon, through BuildKit's services. */
import assert from 'node:assert/strict';
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { runCli, startCli, type CliResult } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;
before(async () => {
  daemon = await TestDaemon.start();
});
after(async () => daemon[Symbol.asyncDispose]());

/** A directory with these files; the Dockerfile is one of them. */
function contextOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-solve-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

async function solve(directory: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return await runCli(['build', '--progress', 'plain', ...words, directory], { program: 'dhow', socketPath: daemon.socket, environment });
}

async function outputOf(image: string, command: string): Promise<string> {
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: image, Cmd: ['sh', '-c', command] });
  const { result } = await client.containers.wait(Id, { condition: 'next-exit' });
  await client.containers.start(Id);
  await result;
  const text = await daemon.logsOf(Id);
  await client.containers.remove(Id);
  return text;
}

/** Steps and how each ended, by name. */
function steps(stderr: string): Map<string, string> {
  const names = new Map<string, string>();
  const ends = new Map<string, string>();
  for (const line of stderr.split('\n')) {
    const [, number = '', text = ''] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (text.startsWith('[')) names.set(number, text);
    const end = /^(?:DONE|CACHED|ERROR|CANCELED)/.exec(text)?.[0];
    if (end !== undefined) ends.set(names.get(number) ?? number, end);
  }
  return ends;
}

test('stages must be built as far as they are needed, and found again by what they are made from', async (t) => {
  const directory = contextOf(t, {
    Dockerfile: [
      'FROM busybox AS base', 'ENV GREETING=hello', 'WORKDIR /work', 'RUN echo $GREETING > greeting',
      'FROM base AS unused', 'RUN exit 9',
      'FROM base AS left', 'COPY left.txt /left',
      'FROM base', 'COPY --from=left /left /', 'COPY --chmod=640 --chown=5:6 right.txt sub/', 'CMD ["cat", "greeting"]', '',
    ].join('\n'),
    'left.txt': 'left\n', 'right.txt': 'right\n',
  });
  const first = await solve(directory, ['-t', 'stages']);
  assert.equal(first.code, 0, first.stderr);
  assert(!first.stderr.includes('exit 9'));
  assert.equal(await outputOf('stages', 'cat greeting /left sub/right.txt; stat -c "%a %u:%g" sub/right.txt'), 'hello\nleft\nright\n640 5:6\n');
  const image = await daemon.client.images.inspect('stages');
  assert.deepEqual([image.Config?.Cmd, image.Config?.WorkingDir], [['cat', 'greeting'], '/work']);

  const again = await solve(directory, ['-t', 'stages']);
  assert.deepEqual([...steps(again.stderr)].filter(([name]) => /RUN|COPY|WORKDIR/.test(name)).map(([, end]) => end), ['CACHED', 'CACHED', 'CACHED', 'CACHED', 'CACHED']);
  assert.equal((await daemon.client.images.inspect('stages')).Id, image.Id, 'the same build gives the same image');

  // The time of a file does not count, its content does.
  writeFileSync(join(directory, 'left.txt'), 'left\n');
  assert.equal([...steps((await solve(directory)).stderr)].find(([name]) => name.includes('left.txt'))?.[1], 'CACHED');
  writeFileSync(join(directory, 'right.txt'), 'changed\n');
  const changed = steps((await solve(directory)).stderr);
  assert.deepEqual([...changed].filter(([name]) => /RUN|COPY/.test(name)).map(([name, end]) => `${/RUN|left\.txt|--from|right/.exec(name)?.[0]} ${end}`).sort(), ['--from CACHED', 'RUN CACHED', 'left.txt CACHED', 'right DONE']);
});

test('only what changed in a directory must be sent again, and nothing that is ignored', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nCOPY . /c\nRUN find /c -type f | sort > /list\n', '.dockerignore': '*.log\n!kept.log\n', big: 'x'.repeat(300_000), 'drop.log': 'd', 'kept.log': 'k', 'deep/er/file': 'f' });
  symlinkSync('deep/er', join(directory, 'link'));
  linkSync(join(directory, 'big'), join(directory, 'same'));
  const sent = (stderr: string): number => {
    const [, size = '', unit = ''] = /load build context[\s\S]*?transferring context: ([\d.]+)(k?B|MB)/.exec(stderr) ?? [];
    return Number(size) * (unit === 'B' ? 1 : unit === 'kB' ? 1000 : 1_000_000);
  };
  const first = await solve(directory, ['-t', 'sent']);
  assert.equal(first.code, 0, first.stderr);
  assert(sent(first.stderr) > 300_000, first.stderr);
  assert.equal(await outputOf('sent', 'cat /list; readlink /c/link; stat -c %h /c/big'), ['/c/.dockerignore', '/c/Dockerfile', '/c/big', '/c/deep/er/file', '/c/kept.log', '/c/same', 'deep/er', '2', ''].join('\n'));
  writeFileSync(join(directory, 'deep/er/file'), 'other');
  const second = await solve(directory, ['-t', 'sent']);
  assert(sent(second.stderr) < 10_000, second.stderr);
  assert.equal(await outputOf('sent', 'cat /c/deep/er/file'), 'other');
});

test('a file whose content alone changed must be seen, also with its size and time as before, and one that only looks changed must not', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nCOPY tree /tree\n', 'tree/one/file': 'before', 'tree/two/file': 'x' });
  const file = join(directory, 'tree/one/file');
  const { atime, mtime } = statSync(file);
  utimesSync(file, atime, mtime);
  const first = await solve(directory, ['-t', 'stamps']);
  assert.equal(first.code, 0, first.stderr);
  writeFileSync(file, 'behind');
  utimesSync(file, atime, mtime);
  const second = await solve(directory, ['-t', 'stamps']);
  assert.equal(steps(second.stderr).get('[2/2] COPY tree /tree'), 'DONE', second.stderr);
  assert.equal(await outputOf('stamps', 'cat /tree/one/file'), 'behind');
  for (const again of ['with another time', 'and at once']) {
    if (again === 'with another time') utimesSync(file, 1, 1);
    assert.equal(steps((await solve(directory, ['-t', 'stamps'])).stderr).get('[2/2] COPY tree /tree'), 'CACHED', again);
  }
  renameSync(join(directory, 'tree/two'), join(directory, 'tree/three'));
  assert.equal(steps((await solve(directory, ['-t', 'stamps'])).stderr).get('[2/2] COPY tree /tree'), 'DONE');
  assert.equal(await outputOf('stamps', 'ls /tree'), 'one\nthree\n');
});

test('stages that do not need each other must be made at the same time', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  // Each waits for all others, which would never come one after the other.
  const stage = (name: string): string => `FROM busybox AS ${name}\nRUN --mount=type=cache,id=meeting,target=/m touch /m/${name} && for i in $(seq 600); do [ -e /m/a -a -e /m/b -a -e /m/c -a -e /m/d ] && exit 0; sleep 0.1; done; exit 1\n`;
  const result = await solve(contextOf(t, { Dockerfile: `${names.map(stage).join('')}FROM scratch\n${names.map((name) => `COPY --from=${name} /etc/group /${name}\n`).join('')}` }));
  assert.equal(result.code, 0, result.stderr);
});

test('what the runtime mounts over must be in no layer, and what is below a step must stay as it was', async (t) => {
  const base = 'FROM busybox AS base\nRUN mkdir /out && cp -r /bin /out/ && mkdir -p /out/etc && echo kept > /out/etc/kept\n';
  const result = await solve(contextOf(t, { Dockerfile: `${base}FROM scratch\nCOPY --from=base /out /\nRUN ["/bin/sh", "-c", "ls /proc/1 /sys /dev/null /etc/hosts > /list && [ ! -e /.dockerenv ]"]\nRUN ["/bin/touch", "/second"]\n` }), ['-t', 'bare']);
  assert.equal(result.code, 0, result.stderr);
  const directory = mkdtempSync(join(tmpdir(), 'dhow-solve-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const again = await solve(contextOf(t, { Dockerfile: 'FROM bare\n' }), ['-o', directory]);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(readdirSync(directory).sort(), ['bin', 'etc', 'list', 'second']);
  assert.deepEqual(readdirSync(join(directory, 'etc')), ['kept']);
});

test('a link to a file of the image must be one file with it in the next step', async (t) => {
  const result = await solve(contextOf(t, { Dockerfile: 'FROM busybox\nRUN ln /bin/busybox /hard\nRUN echo same=$(stat -c %i /bin/busybox /hard | uniq | wc -l)\n' }), []);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, / same=1\n/);
});

test('mounts of a step must be there for the step alone, and secrets in no layer', async (t) => {
  const directory = contextOf(t, {
    Dockerfile: [
      'FROM busybox',
      'RUN --mount=type=secret,id=token --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t --mount=type=bind,source=sub,target=/bound '
        + 'cat /run/secrets/token | wc -c > /seen && echo kept >> /cache/count && touch /t/x && cat /bound/f >> /seen && ! touch /bound/x 2>/dev/null',
      'RUN --mount=type=cache,target=/cache wc -l < /cache/count > /count',
      'RUN --mount=type=secret,id=token,env=TOKEN printf %s "$TOKEN" | wc -c > /variable', '',
    ].join('\n'),
    'sub/f': 'bound\n',
  });
  const secret = 'a very secret word 93';
  const { code, stderr } = await solve(directory, ['-t', 'mounts', '--secret', 'id=token,env=WORD'], { WORD: secret });
  assert.equal(code, 0, stderr);
  assert.equal(await outputOf('mounts', 'cat /seen /count /variable; ls -d /cache /run/secrets /t /bound 2>/dev/null; true'), `${secret.length}\nbound\n1\n${secret.length}\n`);
  const { stdout: saved } = await runCli(['save', '-o', join(directory, 'saved'), 'mounts'], { socketPath: daemon.socket });
  assert.equal(saved, '');
  assert(!readFileSync(join(directory, 'saved'), 'latin1').includes(secret));
  const missing = await solve(contextOf(t, { Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=none,required=true true\n' }));
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /ERROR: failed to build: failed to solve: secret none: not found\n$/);
});

test('an image must be told to be cached when a step is made over it that was used before, and done when nothing is made from it', async (t) => {
  const directory = contextOf(t, { 'first/Dockerfile': 'FROM busybox\nLABEL own=1\n', Dockerfile: 'FROM own-base\nARG TEXT\nRUN echo $TEXT\nRUN true\n' });
  assert.equal((await solve(join(directory, 'first'), ['-t', 'own-base', '--no-cache'])).code, 0);
  const from = '[1/3] FROM docker.io/library/own-base:latest';
  const told = async (text: string): Promise<string | undefined> => steps((await solve(directory, ['--build-arg', `TEXT=${text}`])).stderr).get(from);
  assert.deepEqual([await told('a'), await told('a'), await told('b'), await told('b')], ['CACHED', 'DONE', 'CACHED', 'DONE']);
});

test('arguments, here-documents and what the checks find must be as with BuildKit', async (t) => {
  const directory = contextOf(t, {
    Dockerfile: [
      'FROM busybox AS one', 'ENV SET=env', 'ARG SET=argument', 'RUN echo 1 $SET',
      'FROM one', 'RUN echo 2 $SET', 'RUN <<EOF cat', 'by cat', 'EOF', 'ARG KNOWN=v', 'RUN <<EOF', 'echo 3 $KNOWN', 'EOF', 'ENV TAKEN=${MISSING:-other}', 'LABEL "two words"=x', 'COPY <<EOF /x', '$ABSENT', 'EOF', '',
    ].join('\n'),
  });
  const { code, stderr } = await solve(directory);
  assert.equal(code, 0, stderr);
  const lines = stderr.split('\n').flatMap((line) => /^#\d+ \d+\.\d{3} (.*)$/.exec(line)?.[1] ?? []);
  assert.deepEqual(lines, ['1 argument', '2 env', 'by cat', '3 v']);
  assert.match(stderr, /RUN <<EOF \(echo 3 v\)/);
  assert.deepEqual(stderr.split('\n').filter((line) => line.startsWith(' - ')), [" - UndefinedVar: Usage of undefined variable '$MISSING' (line 14)", " - UndefinedVar: Usage of undefined variable '$ABSENT' (line 16)"]);
  const twice = await solve(contextOf(t, { Dockerfile: '# escape=`\n# escape=`\nFROM busybox\n' }));
  assert.match(twice.stderr, /Dockerfile:1\n-{20}\n {3}1 \| >>> # escape=`\n/);
});

test('a failure must name the lines, the output and nothing must be left', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nENV A=1\nRUN echo before; exit 7\n' });
  const { code, stderr } = await solve(directory);
  assert.equal(code, 1);
  assert.match(stderr, /------\n > \[2\/2\] RUN echo before; exit 7:\n\d\.\d{3} before\n------\nDockerfile:3\n-{20}\n {3}1 \| {5}FROM busybox\n {3}2 \| {5}ENV A=1\n {3}3 \| >>> RUN echo before; exit 7\n/);
  assert.match(stderr, /failed to solve: process "\/bin\/sh -c echo before; exit 7" did not complete successfully: exit code: 7\n$/);
  for (const [text, message] of [
    ['FROM busybox\nBOGUS x\n', 'dockerfile parse error on line 2: unknown instruction: BOGUS'],
    ['FROM busybox\nCOPY absent /x\n', '"/absent": not found'],
    ['FROM a AS b\nFROM b AS a\nCOPY --from=c / /\n', ''],
    ['FROM busybox AS x\nCOPY --from=y / /\nFROM busybox AS y\nCOPY --from=x / /\n', 'circular dependency detected on stage'],
    ['RUN true\n', 'no build stage in current context'],
    ['FROM busybox\nRUN <<EOF\necho\n', 'unterminated heredoc'],
  ] as const) {
    const failed = await solve(contextOf(t, { Dockerfile: text }));
    assert.equal(failed.code, 1, text);
    assert(failed.stderr.includes(message), `${text}: ${failed.stderr}`);
  }
  await eventually('no step is left', () => assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds', 'solves')), []));
  assert.deepEqual(readdirSync(join(daemon.dataRoot, 'containers')), []);
});

test('a build that is given up must stop its steps and leave nothing', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nRUN echo begun; exec sleep 1000\n' });
  const running = startCli(['build', '--progress', 'plain', directory], { program: 'dhow', socketPath: daemon.socket });
  let seen = '';
  running.process.stderr?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await eventually('the step runs', () => seen.includes('begun'));
  running.process.kill('SIGINT');
  assert.notEqual((await running.result).code, 0);
  await eventually('nothing of the step is left', () => {
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds', 'solves')), []);
    assert.deepEqual(readdirSync(join(daemon.dataRoot, 'containers')), []);
  });
  assert.deepEqual(await daemon.client.containers.list({ all: true }), []);
});

test('results must go where they are asked for', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM scratch\nCOPY --chmod=750 f /out/f\nCOPY f /top\n', f: 'result\n' });
  const target = join(directory, 'target');
  assert.equal((await solve(directory, ['-o', target])).code, 0);
  assert.equal(readFileSync(join(target, 'out/f'), 'utf8'), 'result\n');
  assert.equal(statSync(join(target, 'out/f')).mode & 0o777, 0o750);
  const tar = join(directory, 'result.tar');
  assert.equal((await solve(directory, ['-o', `type=tar,dest=${tar}`])).code, 0);
  assert(readFileSync(tar, 'latin1').includes('result\n'));
  const [one, two, three] = [join(directory, 'one'), join(directory, 'two'), join(directory, 'three.tar')];
  assert.equal((await solve(directory, ['-t', 'several-outputs', '-o', one, '-o', `type=local,dest=${two}`, '-o', `type=tar,dest=${three}`, '-o', 'type=docker'])).code, 0);
  for (const place of [one, two]) assert.equal(readFileSync(join(place, 'out/f'), 'utf8'), 'result\n');
  assert(readFileSync(three, 'latin1').includes('result\n'));
  assert.deepEqual((await daemon.client.images.inspect('several-outputs')).RepoTags, ['several-outputs:latest']);
  const id = join(directory, 'id');
  const { stdout } = await runCli(['build', '-q', '--iidfile', id, directory], { program: 'dhow', socketPath: daemon.socket });
  assert.equal(stdout, `${readFileSync(id, 'utf8')}\n`);
  assert(!existsSync(join(target, 'etc')), 'nothing but the image’s files');
});

test('--check must find what is doubtful, and say nothing of what is not', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'from busybox as Base\nENV A b\nENV API_TOKEN=x\nCOPY $nothing /x\nWORKDIR rel\nCMD echo hi\nCMD echo ho\nEXPOSE 80/TCP\nMAINTAINER me\n' });
  const { code, stdout } = await runCli(['build', '--check', directory], { program: 'dhow', socketPath: daemon.socket });
  assert.equal(code, 1);
  const names = [...stdout.matchAll(/^WARNING: (\w+)/gm)].map((match) => match[1]).sort();
  assert.deepEqual([...new Set(names)], ['ConsistentInstructionCasing', 'ExposeProtoCasing', 'JSONArgsRecommended', 'LegacyKeyValueFormat', 'MaintainerDeprecated', 'MultipleInstructionsDisallowed', 'SecretsUsedInArgOrEnv', 'StageNameCasing', 'UndefinedVar', 'WorkdirRelativePath']);
  const clean = await runCli(['build', '--check', contextOf(t, { Dockerfile: 'ARG V=latest\nFROM busybox:${V}\nARG X=1\nENV Y=$X\nCMD ["sh"]\n' })], { program: 'dhow', socketPath: daemon.socket });
  assert.deepEqual([clean.code, clean.stdout], [0, 'Check complete, no warnings found.\n']);
  const strict = await solve(contextOf(t, { Dockerfile: '# check=error=true\nFROM busybox\nCMD echo\n' }));
  assert.match(strict.stderr, /lint violation found for rules: JSONArgsRecommended/);
});

test('what builds keep must be listed, and pruned as the filters say', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nRUN echo kept-of-prune > /made\nRUN --mount=type=cache,target=/cache,id=kept-directory echo content > /cache/file\n' });
  const built = await solve(directory);
  assert.equal(built.code, 0, built.stderr);
  const listed = async (): Promise<{ ID: string; Description: string; Type: string }[]> => (await daemon.client.transport.json<{ BuildCache: { ID: string; Description: string; Type: string }[] }>({ method: 'GET', path: '/system/df', query: { type: 'build-cache' } })).BuildCache;
  const records = await listed();
  const step = records.find(({ Description }) => Description.includes('kept-of-prune'));
  assert.equal(step?.Type, 'regular');
  const kept = records.find(({ Type, Description }) => Type === 'exec.cachemount' && Description.includes('kept-directory'));
  assert.ok(kept !== undefined, JSON.stringify(records));
  const prune = async (filters: object): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> => await daemon.client.transport.json({ method: 'POST', path: '/build/prune', query: { all: true, filters: JSON.stringify(filters) } });
  assert.equal((await prune({ type: ['frontend'] })).CachesDeleted, null);
  assert.equal((await prune({ until: ['24h'] })).CachesDeleted, null);
  const gone = await prune({ id: [kept.ID] });
  assert.deepEqual(gone.CachesDeleted, [kept.ID]);
  assert.equal(gone.SpaceReclaimed, 'content\n'.length);
  // `system prune --filter label=…` sends its labels along; of a cache they choose nothing.
  await prune({ label: ['x'] });
  assert.deepEqual(await listed(), []);
  // The image stands without its cache, and the next build makes its steps again.
  const again = await solve(directory);
  assert.equal(steps(again.stderr).get('[stage-0 2/3] RUN echo kept-of-prune > /made'), 'DONE');
});

test('entitlements must be asked for, and limits of steps be theirs', async (t) => {
  const host = contextOf(t, { Dockerfile: 'FROM busybox\nRUN --network=host true\n' });
  const refused = await solve(host);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /failed to load LLB: network\.host is not allowed/);
  assert.equal((await solve(host, ['--allow', 'network.host'])).code, 0);
  const insecure = await solve(host, ['--allow', 'security.insecure']);
  assert.match(insecure.stderr, /granting entitlement security\.insecure is not allowed by build daemon configuration/);
  const limits = contextOf(t, { Dockerfile: 'FROM busybox\nRUN echo files $(ulimit -Sn) $(ulimit -Hn); df -k /dev/shm | tail -1\n' });
  const { stderr } = await solve(limits, ['--ulimit', 'nofile=1000:2000', '--shm-size', '128m']);
  assert.match(stderr, /files 1000 2000/);
  assert.match(stderr, /131072/);
});

test('owners, modes and names of what is copied must be those that are asked for', async (t) => {
  const directory = contextOf(t, {
    Dockerfile: [
      'FROM busybox', 'COPY --chown=5:6 --chmod=750 file /new/deep/', 'COPY *.none /nothing/', 'COPY --chown=nosuch file /roots',
      'USER 7', 'WORKDIR /of/seven', 'USER 0', "RUN stat -c '%n %u:%g %a' /new /new/deep /new/deep/file /roots /of /of/seven; ls -d /nothing || echo none",
    ].join('\n'),
    file: 'x',
  });
  const { stderr, code } = await solve(directory);
  assert.equal(code, 0, stderr);
  for (const line of ['/new 5:6 750', '/new/deep 5:6 750', '/new/deep/file 5:6 750', '/roots 0:0 644', '/of 7:7 755', '/of/seven 7:7 755', 'none']) assert.match(stderr, new RegExp(`^#\\d+ [\\d.]+ ${line}$`, 'm'));
});

test('two stages of one image must share its step, and cycles name their lines', async (t) => {
  const shared = contextOf(t, { Dockerfile: 'FROM busybox AS one\nRUN echo shared-image > /one\nFROM busybox\nCOPY --from=one /one /\n' });
  const { stderr } = await solve(shared);
  assert.deepEqual([...steps(stderr).keys()].filter((name) => name.includes('FROM')), ['[one 1/2] FROM docker.io/library/busybox:latest']);
  const cycle = await solve(contextOf(t, { Dockerfile: 'FROM busybox AS a\nCOPY --from=b /a /b\nFROM busybox AS b\nCOPY --from=a /x /y\n' }));
  assert.match(cycle.stderr, /circular dependency detected on stage: a/);
  for (const line of ['2 | >>> COPY --from=b /a /b', '4 | >>> COPY --from=a /x /y']) assert.ok(cycle.stderr.includes(line), cycle.stderr);
});

test('builds must be remembered with all they wrote, and say why their steps were made', async (t) => {
  const cli = async (...words: string[]): Promise<CliResult> => await runCli(words, { program: 'dhow', socketPath: daemon.socket });
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nARG GREETING=one\nRUN echo said-$GREETING\nCOPY told /told\n', told: 'first' });
  assert.equal((await solve(directory)).code, 0);
  writeFileSync(join(directory, 'told'), 'second');
  const changed = await solve(directory, ['--why']);
  assert.match(changed.stderr, /HIT {2}\[2\/3\] RUN echo said-one\nMISS \[3\/3\] COPY told \/told\n {5}file told changed: it was sha256:[0-9a-f]{64} mode 644, now it is sha256:[0-9a-f]{64} mode 644\n$/);
  assert.match((await solve(directory, ['--why', '--build-arg', 'GREETING=two'])).stderr, /variable GREETING changed: it was one, now it is two/);
  const [newest = '', , oldest = ''] = (await cli('build', 'history', 'ls', '-q')).stdout.split('\n');
  assert.match((await cli('build', 'history', 'logs', oldest)).stdout, /^#\d+ [\d.]+ said-one$/m);
  assert.equal((await cli('build', 'history', 'logs', '--grep', 'said-two')).stdout, `${newest} [2/3] RUN echo said-two: said-two\n`);
  const inspected = JSON.parse((await cli('build', 'history', 'inspect', newest.slice(0, 12))).stdout) as { Id: string; Status: string };
  assert.deepEqual([inspected.Id, inspected.Status], [newest, 'Completed']);
  assert.match((await cli('build', 'explain', newest)).stdout, /MISS \[2\/3\] RUN echo said-two/);
  assert.equal((await cli('build', 'history', 'rm', newest)).stdout, `${newest}\n`);
  assert.equal((await cli('build', 'history', 'inspect', newest)).code, 1);
});

test('an image must go to an archive that other programs read', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nLABEL of=archive\n' });
  const places = mkdtempSync(join(tmpdir(), 'dhow-archive-'));
  t.after(() => rmSync(places, { recursive: true, force: true }));
  for (const type of ['docker', 'oci']) {
    const path = join(places, `${type}.tar`);
    const { code, stderr } = await solve(directory, ['-t', `archived-${type}:1`, '-o', `type=${type},dest=${path}`]);
    assert.equal(code, 0, stderr);
    const { client } = daemon;
    const loaded = await runCli(['load', '-i', path], { program: 'dhow', socketPath: daemon.socket });
    assert.match(loaded.stdout, new RegExp(`Loaded image: archived-${type}:1`), loaded.stderr);
    assert.deepEqual((await client.images.inspect(`archived-${type}:1`)).Config?.Labels, { of: 'archive' });
  }
});

test('with SOURCE_DATE_EPOCH the image must tell that time, and be the same when it is made anew', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nLABEL a=b\nCOPY file /\nENV X=y\n', file: 'x' });
  const environment = { SOURCE_DATE_EPOCH: '1700000000' };
  const first = await solve(directory, ['-t', 'epoch:1'], environment);
  assert.equal(first.code, 0, first.stderr);
  assert.equal((await solve(directory, ['-t', 'epoch:2', '--no-cache'], environment)).code, 0);
  const [one, two] = await Promise.all(['epoch:1', 'epoch:2'].map(async (name) => await daemon.client.images.inspect(name)));
  assert.equal(one?.Created, '2023-11-14T22:13:20Z');
  assert.equal(two?.Id, one.Id);
  assert.deepEqual((await daemon.client.images.history('epoch:1')).slice(0, 3).map(({ Created }) => Created), [1_700_000_000, 1_700_000_000, 1_700_000_000]);
  assert.match((await solve(directory, [], { SOURCE_DATE_EPOCH: 'soon' })).stderr, /invalid SOURCE_DATE_EPOCH: soon/);
});

test('patterns of what is ignored must mean the context whether or not they begin with a slash', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nCOPY . /all/\nRUN find /all -type f | sort\n', '.dockerignore': '/top\nkept/\n!/kept/this\nDockerfile\n.dockerignore\n', 'top/file': '', 'kept/this': '', 'kept/other': '', 'deep/top/file': '' });
  const { stdout, stderr, code } = await solve(directory);
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual([...stderr.matchAll(/^#\d+ [\d.]+ (\/all\/.*)$/gm)].map(([, path]) => path), ['/all/deep/top/file', '/all/kept/this']);
});
