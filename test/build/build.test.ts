/** Builds and commits on a real daemon. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ApiError } from '#client/client-error.ts';
import type { Query } from '#client/query.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import { runCli } from '../cli/run-cli.ts';
import { eventually } from '../fixtures/eventually.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';

let daemon: TestDaemon;
before(async () => {
  daemon = await TestDaemon.start();
});
after(async () => daemon[Symbol.asyncDispose]());

function file(name: string, text: string, mode = 0o644): TarMember {
  return { header: { name, type: 'file', mode }, body: Buffer.from(text) };
}

function link(name: string, linkName: string): TarMember {
  return { header: { name, type: 'symlink', linkName, mode: 0o777 } };
}

async function archive(members: readonly TarMember[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(members)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* bytes(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

interface Built {
  readonly messages: ProgressMessage[];
  readonly text: string;
  readonly error: ProgressMessage['errorDetail'];
  readonly id: string;
}

async function build(dockerfile: string, members: readonly TarMember[] = [], query: Query = {}): Promise<Built> {
  return await buildArchive(await archive([file('Dockerfile', dockerfile), ...members]), query);
}

async function buildArchive(context: Buffer, query: Query = {}): Promise<Built> {
  const messages: ProgressMessage[] = [];
  for await (const message of await daemon.client.builds.build(bytes(context), { query })) messages.push(message);
  const ids = messages.map(({ aux }) => (typeof aux === 'object' && aux !== null && 'ID' in aux ? String(aux.ID) : '')).filter((id) => id !== '');
  return { messages, text: messages.map(({ stream = '' }) => stream).join(''), error: messages.at(-1)?.errorDetail, id: ids.at(-1) ?? '' };
}

const anonymous = (text: string): string => text.replaceAll(/\b[0-9a-f]{12}\b/g, 'ID');

test('a build must tell its steps as Docker does, and find them again', async () => {
  const dockerfile = 'FROM busybox\nLABEL a=b\nRUN echo out; echo err >&2\nCMD ["echo", "hello"]\n';
  const first = await build(dockerfile, [], { t: ['built:one', 'built-two'] });
  assert.equal(
    anonymous(first.text),
    'Step 1/4 : FROM busybox\n ---> ID\nStep 2/4 : LABEL a=b\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID\n' +
      'Step 3/4 : RUN echo out; echo err >&2\n ---> Running in ID\nout\n\u001B[91merr\n\u001B[0m ---> Removed intermediate container ID\n ---> ID\n' +
      'Step 4/4 : CMD ["echo", "hello"]\n ---> Running in ID\n ---> Removed intermediate container ID\n ---> ID\nSuccessfully built ID\nSuccessfully tagged built:one\nSuccessfully tagged built-two:latest\n',
  );
  const second = await build(dockerfile);
  assert.equal(second.id, first.id);
  assert.equal([...second.text.matchAll(/Using cache/g)].length, 3);
  // What was built for one platform is no step of another.
  const other = await build(dockerfile, [], { platform: 'linux/arm64' });
  assert.deepEqual([other.text.includes('Using cache'), other.error], [false, undefined]);
  assert.equal((await build(dockerfile, [], { platform: 'linux/amd64' })).text.match(/Using cache/g)?.length, 3);
  const { Config, Parent } = await daemon.client.images.inspect('built:one');
  assert.deepEqual([Config?.Labels, Config?.Cmd], [{ a: 'b' }, ['echo', 'hello']]);
  assert.match(Parent, /^sha256:/);
  const created = (await daemon.client.images.history('built-two')).map(({ CreatedBy }) => CreatedBy);
  assert.deepEqual(created.slice(0, 3), ['/bin/sh -c #(nop)  CMD ["echo" "hello"]', '/bin/sh -c echo out; echo err >&2', '/bin/sh -c #(nop)  LABEL a=b']);
  assert.deepEqual(await daemon.client.containers.list({ all: true }), []);
});

test('deletions, links and modes of a step must be in the layer', async () => {
  const { text, error } = await build(
    'FROM busybox\nRUN mkdir -m 1777 /t && echo 1 > /t/a && echo 2 > /t/b && ln -s a /t/l && ln /t/a /t/h\nRUN rm /t/b && chmod 1700 /t\nRUN stat -c "%n %a %F" /t /t/a /t/l; stat -c %i /t/a /t/h | uniq | wc -l; ls /t\n',
  );
  assert.equal(error, undefined);
  assert.match(text, /\/t 1700 directory\n\/t\/a 644 regular file\n\/t\/l 777 symbolic link\n1\na\nh\nl\n/);
});

test('a link to a file of the image must be one file with it in the next step', async () => {
  const { text, error } = await build('FROM busybox\nRUN ln /bin/busybox /hard\nRUN echo same=$(stat -c %i /bin/busybox /hard | uniq | wc -l)\n');
  assert.equal(error, undefined);
  assert.match(text, /^same=1$/m);
});

test('copies must follow the links of the image, keep its directories and never leave either side', async () => {
  const { text, error } = await build(
    'FROM busybox\nRUN mkdir -m 1777 /real && ln -s /real /link && ln -s ../../../../real /up\nCOPY secret one /link/\nCOPY one /up/two\nCOPY tree /link/tree\nCOPY --chown=12:34 one /owned/new/\nRUN stat -c "%n %a %u:%g" /real /real/one /owned/new /owned/new/one; cat /real/secret /real/two; readlink /real/tree/out\n',
    [file('one', 'one\n'), link('secret', '../../one'), link('tree/out', '/etc/passwd'), file('tree/plain', '')],
  );
  assert.equal(error, undefined, text);
  assert.match(text, /\/real 1777 0:0\n\/real\/one 644 0:0\n\/owned\/new 755 12:34\n\/owned\/new\/one 644 12:34\none\none\n\/etc\/passwd\n/);
});

test('a copied link must mean what it means in the context, not on the host', async () => {
  const { error } = await build('FROM busybox\nCOPY passwd /x\n', [link('passwd', '/etc/passwd')]);
  assert.equal(error?.message, 'COPY failed: file not found in build context or excluded by .dockerignore: stat passwd: file does not exist');
});

test('names that lead out of the context must be refused', async () => {
  await assert.rejects(build('FROM busybox\n', [file('../../evil', 'x')]), (error) => error instanceof ApiError && /outside of the archive/.test(error.message));
  const { error } = await build('FROM busybox\nCOPY ../x /x\n');
  assert.equal(error?.message, 'COPY failed: forbidden path outside the build context: ../x ()');
});

test('ADD must unpack archives where links of the image lead, COPY must not', async () => {
  const packed = gzipSync(await archive([{ header: { name: 'link/', type: 'directory', mode: 0o755 } }, file('via/f', 'packed'), { header: { name: 'hard', type: 'hardlink', linkName: 'via/f' } }]));
  const member: TarMember = { header: { name: 'a.tgz', type: 'file' }, body: packed };
  const { text, error } = await build('FROM busybox\nRUN mkdir -p /root2/real && ln -s real /root2/via\nADD a.tgz /root2\nCOPY a.tgz /copied\nRUN find /root2 | sort; cat /root2/real/f; ls /copied\n', [member]);
  assert.equal(error, undefined, text);
  assert.match(text, /\/root2\n\/root2\/hard\n\/root2\/link\n\/root2\/real\n\/root2\/real\/f\n\/root2\/via\npacked\/copied\n/);
});

test('stages and images must give files, links followed inside them', async () => {
  const { text, error } = await build(
    'FROM busybox AS first\nRUN mkdir /out && echo artifact > /out/f && ln -s /out/f /pointer && ln -s ../../../../../../../../etc/hostname /outside\nFROM busybox\nCOPY --from=first /out/* /pointer /got/\nCOPY --from=0 /out /dir\nCOPY --from=busybox /etc/group /group\nRUN cat /got/f /got/pointer /dir/f; ls /got\n',
  );
  assert.equal(error, undefined, text);
  assert.match(text, /artifact\nartifact\nartifact\nf\npointer\n/);
});

test('arguments must be seen where they are declared, and count for the cache', async () => {
  const dockerfile = 'ARG BASE=none\nFROM $BASE\nARG A=1\nRUN echo "A=$A B=$B"\n';
  const one = await build(dockerfile, [], { buildargs: JSON.stringify({ BASE: 'busybox', B: 'x' }) });
  assert.match(one.text, /A=1 B=\n/);
  assert.match(one.text, /\[Warning\] One or more build-args \[B\] were not consumed\n/);
  const two = await build(dockerfile, [], { buildargs: JSON.stringify({ BASE: 'busybox', A: '2' }) });
  assert.match(two.text, /A=2 B=\n/);
  assert.notEqual(two.id, one.id);
});

test('a step that fails must end the build with its code and leave its container to be looked at', async () => {
  const { error } = await build('FROM busybox\nLABEL failing=yes\nRUN exit 9\nRUN echo never\n');
  assert.deepEqual(error, { code: 9, message: "The command '/bin/sh -c exit 9' returned a non-zero code: 9" });
  const left = await daemon.client.containers.list({ all: true, filters: { label: ['failing=yes'] } });
  assert.deepEqual(left.map(({ State }) => State), ['exited']);
  for (const { Id } of left) await daemon.client.containers.remove(Id, {});
});

test('what is wrong before the first step must be an ordinary refusal', async () => {
  const refused = (status: number, message: string) => (error: unknown): boolean => error instanceof ApiError && error.status === status && error.message === message;
  await assert.rejects(build('FROM busybox\nBOGUS\n'), refused(400, 'dockerfile parse error on line 2: unknown instruction: BOGUS'));
  await assert.rejects(build('FROM busybox\n', [], { target: 'x' }), refused(400, 'target stage "x" could not be found'));
  await assert.rejects(build('FROM busybox\n', [], { dockerfile: 'absent' }), refused(500, 'Cannot locate specified Dockerfile: absent'));
  await assert.rejects(build('FROM busybox\n', [], { t: 'Bad' }), refused(500, 'invalid reference format: repository name (library/Bad) must be lowercase'));
});

test('a client that leaves must end the step under way and its container', async () => {
  const leaving = new AbortController();
  const context = await archive([file('Dockerfile', 'FROM busybox\nRUN echo begun; sleep 1000\n')]);
  const messages = await daemon.client.builds.build(bytes(context), { signal: leaving.signal });
  await assert.rejects(async () => {
    for await (const { stream } of messages) if (stream === 'begun\n') leaving.abort();
  });
  await eventually('the container is gone', async () => assert.deepEqual(await daemon.client.containers.list({ all: true }), []));
  await eventually('no files of the build are left', () => assert.deepEqual(readdirSync(join(daemon.dataRoot, 'builds')).filter((name) => name.startsWith('build-')), []));
});

test('a commit must take changes, deletions and configuration, also of a container that runs on', async () => {
  const { client } = daemon;
  const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['sh', '-c', 'echo in > /f; rm /bin/arch; echo ready; sleep 1000'] });
  await client.containers.start(Id);
  await eventually('the container has written', async () => assert.equal(await daemon.logsOf(Id), 'ready\n'));
  const { Id: imageId } = await client.builds.commit(Id, { repository: 'committed', tag: 'one', author: 'Ann', comment: 'why', changes: ['ENV B=2', 'CMD ["sh", "-c", "cat /f; echo $B; ls /bin/arch"]'] });
  assert.equal((await client.containers.inspect(Id)).State.Status, 'running');
  await client.containers.remove(Id, { force: true });
  const image = await client.images.inspect('committed:one');
  assert.deepEqual([image.Id, image.Author, image.Comment, image.RootFS.Layers?.length], [imageId, 'Ann', 'why', 2]);
  const made = await client.containers.create({ Image: 'committed:one' });
  const { result } = await client.containers.wait(made.Id, { condition: 'next-exit' });
  await client.containers.start(made.Id);
  await result;
  assert.equal(await daemon.logsOf(made.Id), 'in\n2\nls: /bin/arch: No such file or directory\n');
  await client.containers.remove(made.Id);
});

test('the command line must send a directory without what is ignored', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-build-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nCOPY . /ctx\nRUN ls -A /ctx\n');
  writeFileSync(join(directory, '.dockerignore'), '*.log\nDockerfile\n.dockerignore\n');
  writeFileSync(join(directory, 'kept'), '');
  writeFileSync(join(directory, 'dropped.log'), '');
  const { stdout, stderr, code } = await runCli(['build', directory], { socketPath: daemon.socket, environment: { DOCKER_BUILDKIT: '0' } });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Sending build context to Docker daemon +[\d.]+kB\r\r\n/);
  assert.match(stdout, /---> Running in [0-9a-f]{12}\nkept\n ---> Removed/);
});
