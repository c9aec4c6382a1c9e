/** What builds give away: archives, images in registries, indexes, attestations; the same bytes on every machine. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, createReadStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, type TestContext } from 'node:test';
import { readTar } from '#oci/tar/read-tar.ts';
import { runCli, type CliResult } from '../cli/run-cli.ts';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { RegistryProcess } from '../registry-server/registry-process.ts';

let daemon: TestDaemon;
let other: TestDaemon;
let registry: RegistryProcess;
before(async () => {
  [daemon, other, registry] = await Promise.all([TestDaemon.start(), TestDaemon.start(), RegistryProcess.start()]);
});
after(async () => {
  for (const opened of [daemon, other, registry]) await opened[Symbol.asyncDispose]();
});

interface Document {
  readonly mediaType?: string;
  readonly manifests?: readonly { readonly digest: string; readonly mediaType: string; readonly platform?: { readonly architecture: string; readonly os: string }; readonly annotations?: Record<string, string> }[];
  readonly config?: { readonly digest: string; readonly mediaType: string };
  readonly layers?: readonly { readonly digest: string; readonly mediaType: string; readonly annotations?: Record<string, string> }[];
  readonly annotations?: Record<string, string>;
}

function contextOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-export-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

async function build(directory: string, words: readonly string[], { on = daemon, environment = {} }: { on?: TestDaemon; environment?: Record<string, string> } = {}): Promise<CliResult> {
  const result = await runCli(['build', '--progress', 'plain', ...words, directory], { program: 'dhow', socketPath: on.socket, environment });
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** Members of an archive by name. */
async function membersOf(path: string): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  for await (const { entry, body } of readTar(createReadStream(path) as AsyncIterable<Buffer>)) if (entry.type === 'file') members.set(entry.name, Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>)));
  return members;
}

function blobIn(members: ReadonlyMap<string, Buffer>, digest: string): Document {
  return JSON.parse(String(members.get(`blobs/${digest.replace(':', '/')}`))) as Document;
}

function hostOf(server: RegistryProcess): string {
  return new URL(server.url).host;
}

async function manifestAt(path: string): Promise<Document> {
  const types = ['application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json', 'application/vnd.docker.distribution.manifest.v2+json'];
  const answer = await fetch(`${registry.url}/v2/${path}`, { headers: { Accept: types.join(', ') } });
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Document;
}

test('an archive with provenance must hold an index whose attestation names the image and what it was made from', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nARG SECRET_OF_MINE\nRUN echo made > /made\n' });
  const archive = join(directory, 'image.tar');
  await build(directory, ['-o', `type=oci,dest=${archive}`, '--provenance', 'mode=max', '--build-arg', 'SECRET_OF_MINE=value', '-t', 'told/of:7']);
  const members = await membersOf(archive);
  const top = JSON.parse(String(members.get('index.json'))) as Document;
  assert.deepEqual(top.manifests?.map(({ annotations }) => annotations?.['io.containerd.image.name']), ['docker.io/told/of:7']);
  const { manifests = [] } = blobIn(members, top.manifests?.[0]?.digest ?? '');
  assert.deepEqual(manifests.map(({ platform }) => platform?.os), ['linux', 'unknown']);
  assert.equal(manifests[1]?.annotations?.['vnd.docker.reference.digest'], manifests[0]?.digest);
  const [layer] = blobIn(members, manifests[1]?.digest ?? '').layers ?? [];
  assert.equal(layer?.annotations?.['in-toto.io/predicate-type'], 'https://slsa.dev/provenance/v0.2');
  const statement = JSON.parse(String(members.get(`blobs/${layer?.digest.replace(':', '/')}`))) as { subject: { name: string; digest: { sha256: string } }[]; predicate: { materials: { uri: string }[]; invocation: { parameters: { args: Record<string, string> } } } };
  assert.equal(`sha256:${statement.subject[0]?.digest.sha256}`, manifests[0]?.digest);
  assert.match(statement.predicate.materials[0]?.uri ?? '', /^pkg:docker\/busybox@latest\?platform=linux%2F/);
  assert.equal(statement.predicate.invocation.parameters.args['build-arg:SECRET_OF_MINE'], 'value');

  await build(directory, ['-o', `type=oci,dest=${archive}`, '--provenance', 'true', '--build-arg', 'SECRET_OF_MINE=value']);
  const told = [...(await membersOf(archive)).values()].filter((bytes) => bytes.includes('slsa.dev/provenance'));
  assert(told.length > 0 && !told.some((bytes) => bytes.includes('SECRET_OF_MINE')), 'the least of provenance tells no arguments');
});

test('images for several platforms must be one index, in the registry and here', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY file /of-$TARGETARCH\n', file: 'x' });
  const name = `${hostOf(registry)}/several:1`;
  await build(directory, ['--platform', 'linux/amd64,linux/arm64', '-t', name, '--push', '--annotation', 'index:about=all', '--annotation', 'one=two']);
  const index = await manifestAt('several/manifests/1');
  assert.deepEqual(index.manifests?.map(({ platform }) => platform?.architecture), ['amd64', 'arm64']);
  assert.deepEqual(index.annotations, { about: 'all' });
  for (const { digest } of index.manifests ?? []) assert.deepEqual((await manifestAt(`several/manifests/${digest}`)).annotations, { one: 'two' });
  const { client } = daemon;
  for (const architecture of ['amd64', 'arm64']) assert.equal((await client.images.inspect(name, { platform: JSON.stringify({ os: 'linux', architecture }) })).Architecture, architecture);
  const output = join(directory, 'out');
  await build(directory, ['--platform', 'linux/amd64,linux/arm64', '-o', output]);
  assert.deepEqual([readdirSync(join(output, 'linux_amd64')), readdirSync(join(output, 'linux_arm64'))], [['of-amd64'], ['of-arm64']]);
});

test('images of one index must be listed, kept and removed as one', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY file /member-of-$TARGETARCH\n', file: 'x' });
  await build(directory, ['--platform', 'linux/amd64,linux/arm64', '-t', 'members:1']);
  const { images } = daemon.client;
  const ids: string[] = [];
  for (const architecture of ['amd64', 'arm64']) ids.push((await images.inspect('members:1', { platform: JSON.stringify({ os: 'linux', architecture }) })).Id);
  assert.equal(new Set(ids).size, 2);
  const cli = async (...words: string[]): Promise<string> => {
    const result = await runCli(words, { program: 'dhow', socketPath: daemon.socket });
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  const listed = async (...words: string[]): Promise<string[]> => (await cli('images', '-q', '--no-trunc', ...words)).split('\n').filter((id) => ids.includes(id)).sort();
  const [native = ''] = await listed();
  for (const words of [[], ['-a']]) assert.deepEqual(await listed(...words), [native]);
  assert.deepEqual(await listed('--filter', 'dangling=true'), []);
  const { BuildCache = [] } = (await daemon.client.system.diskUsage(['build-cache'])) as { BuildCache?: { Description: string; Shared: boolean }[] };
  assert.deepEqual(BuildCache.filter(({ Description }) => Description.includes('/member-of-')).map(({ Shared }) => Shared), [true, true]);
  await cli('tag', 'members:1', 'members:2');
  await cli('rmi', 'members:1');
  await cli('image', 'prune', '-f');
  assert.equal((await images.inspect('members:2', { platform: JSON.stringify({ os: 'linux', architecture: 'arm64' }) })).Id, ids[1]);
  const gone = await cli('rmi', 'members:2');
  for (const id of ids) {
    assert.match(gone, new RegExp(`^Deleted: ${id}$`, 'm'));
    await assert.rejects(images.inspect(id), /No such image/);
  }
});

test('compression and names of a pushed image must be those that are asked for', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nRUN echo packed > /packed\n' });
  const host = hostOf(registry);
  const metadata = join(directory, 'metadata.json');
  await build(directory, ['-o', `type=image,name=${host}/packed,push=true,push-by-digest=true,compression=zstd,force-compression=true`, '--metadata-file', metadata]);
  const told = JSON.parse(readFileSync(metadata, 'utf8')) as { 'buildx.build.provenance': { materials: { uri: string }[] }; 'containerimage.digest': string; 'containerimage.descriptor': { mediaType: string } };
  assert.match(told['buildx.build.provenance'].materials[0]?.uri ?? '', /^pkg:docker\/busybox/);
  const zstd = await manifestAt(`packed/manifests/${told['containerimage.digest']}`);
  assert.equal(told['containerimage.descriptor'].mediaType, zstd.mediaType);
  assert.deepEqual(new Set(zstd.layers?.map(({ mediaType }) => mediaType)), new Set(['application/vnd.oci.image.layer.v1.tar+zstd']));
  assert.equal((await fetch(`${registry.url}/v2/packed/manifests/latest`)).status, 404, 'by its digest alone');
  await build(directory, ['-o', `type=registry,compression=uncompressed,force-compression=true,oci-mediatypes=true`, '-t', `${host}/packed:plain`]);
  assert.deepEqual(new Set((await manifestAt('packed/manifests/plain')).layers?.map(({ mediaType }) => mediaType)), new Set(['application/vnd.oci.image.layer.v1.tar']));
  const pulled = await runCli(['pull', '-q', `${host}/packed@${told['containerimage.digest']}`], { program: 'dhow', socketPath: other.socket });
  assert.equal(pulled.code, 0, pulled.stderr);
  for (const [words, text] of [[['-o', 'type=oci,compression=estargz'], /compression estargz is not supported/], [['-o', 'type=image,push=true'], /tag is needed when pushing to registry/], [['-o', 'type=oci,tar=false'], /tar=false is not supported/]] as const) {
    const refused = await runCli(['build', ...words, directory], { program: 'dhow', socketPath: daemon.socket });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, text);
  }
});

test('with SOURCE_DATE_EPOCH and rewritten times two machines must make the same digest', async (t) => {
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nCOPY file /copied\nRUN echo made > /made && ln /made /linked && ln -s made /soft\nWORKDIR /deep/down\n', file: 'x', '.dockerignore': '*.tar' });
  const base = join(directory, 'base.tar');
  for (const [words, on] of [[['save', '-o', base, 'busybox'], daemon], [['load', '-i', base], other]] as const) {
    const moved = await runCli(words, { program: 'dhow', socketPath: on.socket });
    assert.equal(moved.code, 0, moved.stderr);
  }
  const digests: string[] = [];
  for (const [number, on] of [daemon, other].entries()) {
    const archive = join(directory, `${number}.tar`);
    await build(directory, ['--no-cache', '-o', `type=oci,dest=${archive},rewrite-timestamp=true`], { on, environment: { SOURCE_DATE_EPOCH: '1700000000' } });
    const members = await membersOf(archive);
    const digest = (JSON.parse(String(members.get('index.json'))) as Document).manifests?.[0]?.digest ?? '';
    digests.push(digest);
    assert.equal(blobIn(members, digest).layers?.length, 4);
  }
  assert.match(digests[0] ?? '', /^sha256:/);
  assert.equal(digests[1], digests[0]);
});

test('what a scanner finds must be attested, and a scanner that is no image refused', async (t) => {
  const scanner = contextOf(t, {
    Dockerfile: 'FROM busybox\nCOPY scan /scan\nENTRYPOINT ["sh", "/scan"]\n',
    scan: `echo "{\\"predicateType\\":\\"https://spdx.dev/Document\\",\\"predicate\\":{\\"found\\":\\"$(cat $BUILDKIT_SCAN_SOURCE/secretary)\\"}}" > $BUILDKIT_SCAN_DESTINATION/found.spdx.json\n`,
  });
  await build(scanner, ['-t', 'scanner']);
  const directory = contextOf(t, { Dockerfile: 'FROM busybox\nRUN echo bird > /secretary\n' });
  const archive = join(directory, 'image.tar');
  await build(directory, ['-o', `type=oci,dest=${archive}`, '--sbom', 'generator=scanner']);
  const members = await membersOf(archive);
  const found = [...members.values()].find((bytes) => bytes.includes('https://in-toto.io/Statement/v0.1'));
  assert.deepEqual((JSON.parse(String(found)) as { predicate: unknown; predicateType: string }).predicate, { found: 'bird' });
  // Files have what is attested of them beside them.
  const digest = createHash('sha256').update('bird\n').digest('hex');
  for (const [words, below] of [[[], ''], [['--platform', 'linux/amd64', '--build-arg', 'BUILDKIT_MULTI_PLATFORM=1'], 'linux_amd64/']] as const) {
    const output = join(directory, `files${below}`);
    await build(directory, ['-o', output, '--sbom', 'generator=scanner', '--provenance', 'mode=min', ...words]);
    for (const [name, type] of [['found.spdx.json', 'https://spdx.dev/Document'], ['provenance.json', 'https://slsa.dev/provenance/v0.2']] as const) {
      const { subject, predicateType } = JSON.parse(readFileSync(join(output, below, name), 'utf8')) as { subject: { name: string; digest: { sha256: string } }[]; predicateType: string };
      assert.equal(predicateType, type);
      assert.equal(subject.find((one) => one.name === 'secretary')?.digest.sha256, digest, below);
    }
    assert.equal(readFileSync(join(output, below, 'secretary'), 'utf8'), 'bird\n');
  }
  await build(directory, ['-o', join(directory, 'alone')]);
  assert(!existsSync(join(directory, 'alone/provenance.json')));
  const refused = await runCli(['build', '--sbom', `generator=${hostOf(registry)}/none`, directory], { program: 'dhow', socketPath: daemon.socket });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /failed to resolve sbom generator .*\/none: /);
});
