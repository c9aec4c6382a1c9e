/** Whatever is given, parsers must answer with a valid result or a coded error, within time, memory and their directory. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import test from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { isFailure, type EngineError } from '#base/errors/failure.ts';
import { parseArchiveManifest } from '#image/load/archive-manifest.ts';
import { parseImageConfiguration } from '#oci/image-configuration.ts';
import { parseManifest } from '#oci/manifest.ts';
import { parsePlatform, platformRank, formatPlatform } from '#oci/platform.ts';
import { canonicalText, familiarText, parseAnyReference, parseReference } from '#oci/reference.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { assertNothingStays, blob, digestOf, dockerArchive, imageOf, json, layerOf, messagesOf, openStores, tarOf } from '../images/image-fixture.ts';
import { makeTree, run, temporaryDirectory, testStore } from '../layers/fixtures.ts';
import { fuzz } from './fuzz-run.ts';
import { mutateBytes, mutateJson, mutateTar } from './mutations.ts';

const hash = 'a'.repeat(64);

test('references and platforms must be read or refused, and what was read be read the same again', async (t) => {
  const corpus = ['busybox', 'a/b:c', 'host.example:5000/a/b_c-d.e:V1', `x@sha256:${hash}`, `[::1]:5/x:t@sha256:${hash}`, hash, `sha256:${hash}`, 'docker.io/library/x', 'index.docker.io/x', 'a'.repeat(300), 'linux/arm/v7', 'windows(10.0)/amd64', 'é:ü'] as const;
  const [first, ...others] = corpus.map((text) => Buffer.from(text));
  assert.ok(first !== undefined);
  await fuzz(t, (random) => {
    for (let count = 0; count < 200; count++) {
      const text = mutateBytes(random, [first, ...others]).toString('utf8');
      attempt(['image.invalid_reference'], () => {
        const parsed = parseReference(text);
        assert.equal(canonicalText(parseReference(canonicalText(parsed))), canonicalText(parsed));
        // Of a repository of Docker Hub whose name begins like a host, the short form means that host, with Docker too.
        if (!/^docker\.io\/[^/]*[.:][^/]*\/|^docker\.io\/localhost\//.test(canonicalText(parsed))) assert.equal(canonicalText(parseReference(familiarText(parsed))), canonicalText(parsed));
      });
      attempt(['image.invalid_reference'], () => void parseAnyReference(text));
      attempt(['image.invalid_platform'], () => {
        const platform = parsePlatform(text);
        assert.equal(platformRank(platform, platform), 0);
        assert.equal(platformRank(parsePlatform(formatPlatform(platform)), platform), 0, text);
      });
    }
  });
});

test('manifests, indexes and configurations must be read or refused', async (t) => {
  const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${hash}`, size: 5, annotations: { a: 'b' }, platform: { os: 'linux', architecture: 'arm', variant: 'v6', 'os.features': ['x'] }, urls: ['http://x'] };
  const documents = [
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: descriptor, layers: [descriptor, descriptor], subject: descriptor },
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [descriptor, { ...descriptor, mediaType: 'application/vnd.oci.image.index.v1+json' }] },
    { schemaVersion: 1, fsLayers: [{ blobSum: `sha256:${hash}` }], history: [{ v1Compatibility: '{}' }] },
    [{ Config: 'c.json', RepoTags: ['a:b'], Layers: ['l1', 'l2'], Parent: `sha256:${hash}` }],
    JSON.parse(imageOf([Buffer.from('x')], { config: { Env: ['A=b'], Cmd: 'x', ExposedPorts: { '1/tcp': {} }, Healthcheck: { Test: ['CMD'], Interval: 5 }, Labels: { a: 'b' }, Volumes: {} } }).configuration.toString()) as unknown,
  ] as const;
  const texts = documents.map((document) => Buffer.from(JSON.stringify(document)));
  const [first, ...others] = texts;
  assert.ok(first !== undefined);
  const codes = ['image.invalid_document', 'image.unsupported_manifest', 'image.schema1_manifest', 'image.no_rootfs', 'image.invalid_configuration', 'image.too_many_history_layers', 'image.invalid_archive'] as const;
  await fuzz(t, (random) => {
    for (let count = 0; count < 50; count++) {
      const document: unknown = random.pick(documents);
      const text = random.below(3) === 0 ? mutateBytes(random, [first, ...others]).toString('utf8') : JSON.stringify(mutateJson(random, document));
      attempt(codes, () => void parseManifest(text, random.pick([undefined, 'application/vnd.oci.image.index.v1+json', 'text/plain'])));
      attempt(codes, () => void parseArchiveManifest(text));
      attempt(codes, () => void parseImageConfiguration(text));
    }
  });
});

test('tar archives must be read or refused', async (t) => {
  const corpus = tarCorpus();
  await fuzz(t, async (random) => {
    const archive = random.below(2) === 0 ? mutateTar(random, random.pick(corpus)) : mutateBytes(random, corpus);
    let read = 0;
    const chunks = async function* (): AsyncGenerator<Buffer> {
      for (let position = 0; position < archive.length; position += 3000) yield archive.subarray(position, position + 3000);
    };
    for await (const { entry, body } of readTar(chunks())) {
      assert.equal(typeof entry.name, 'string');
      assert.ok(Number.isSafeInteger(entry.size) && entry.size >= 0);
      for await (const chunk of body) {
        read += (chunk as Buffer).length;
        // Holes may be long; they cost time only.
        if (read > 4_000_000) return;
      }
    }
  });
});

test('layers must be unpacked inside their directory or refused without trace', async (t) => {
  using layers = testStore();
  const plain = tarCorpus();
  const packed = compressedCorpus(plain[0]);
  const outside = ['/', '/tmp', '/etc'].map((directory) => readdirSync(directory).filter((name) => name.includes('evil')));
  await fuzz(t, async (random) => {
    const kind = random.below(8);
    const archive = kind === 0 ? mutateBytes(random, packed) : kind < 4 ? mutateBytes(random, plain) : mutateTar(random, random.pick(plain));
    try {
      const layer = await layers.apply(archive, { maximumSize: 64 * 1024 * 1024 });
      if (kind !== 0) assert.ok((await layers.archive(layer.chainId)).equals(archive), 'the layer is not given back as it came');
      await layers.store.remove(layer.chainId);
    } finally {
      assert.deepEqual(layers.leftovers(), []);
    }
  });
  assert.deepEqual(['/', '/tmp', '/etc'].map((directory) => readdirSync(directory).filter((name) => name.includes('evil'))), outside);
});

test('image archives must be loaded or refused without trace', async (t) => {
  const stores = await openStores(t);
  const image = imageOf([await layerOf({ a: 'x' }), await layerOf({ b: 'y' })]);
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: { digest: image.id, size: 1 }, layers: image.diffIds.map((digest) => ({ digest, size: 1, mediaType: 'x' })) }));
  const index = { schemaVersion: 2, manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(manifest), size: manifest.length, annotations: { 'io.containerd.image.name': 'docker.io/library/a:b' } }] };
  const blobs = [blob(image.configuration), blob(manifest), ...image.layers.map(blob)];
  const docker = dockerArchive([{ image, tags: ['a:b'] }]);
  const archiveIndex: unknown = JSON.parse(String(docker.at(-1)?.body));
  const whole = [await tarOf(docker), await tarOf([...blobs, json('index.json', index)])] as const;
  await fuzz(t, async (random) => {
    const kind = random.below(4);
    const archive =
      kind === 0 ? mutateBytes(random, whole)
      : kind === 1 ? mutateTar(random, random.pick(whole))
      : kind === 2 ? await tarOf([...docker.slice(0, -1), json('manifest.json', mutateJson(random, archiveIndex))])
      : await tarOf([...blobs, json('index.json', mutateJson(random, index))]);
    try {
      await messagesOf(stores.store.load(Readable.from([archive]), { quiet: false, signal: AbortSignal.timeout(60_000) }));
    } finally {
      for (const { Id } of await stores.store.list({ all: true, filters: {}, sharedSize: false })) {
        for await (const _chunk of await stores.store.save([Id], { signal: AbortSignal.timeout(60_000) }));
        await stores.store.remove(Id, { force: true, prune: true, users: () => [] });
      }
      await assertNothingStays(stores);
    }
  });
});

function attempt(codes: readonly EngineError['code'][], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!codes.some((code) => isFailure(error, code))) throw error;
  }
}

/** Archives of every format, with everything an archive can have. */
function tarCorpus(): readonly [Buffer, ...Buffer[]] {
  using source = temporaryDirectory();
  makeTree(source.path, { longNames: true, bytes: true });
  const archive = (format: string, ...options: string[]): Buffer => run('tar', [`--format=${format}`, ...options, '--exclude=./large', '-C', source.path, '-cf', '-', '.']);
  return [archive('gnu', '--sparse'), archive('posix', '--sparse'), archive('posix', '--sparse', '--sparse-version=0.1', '--xattrs'), archive('gnu')];
}

function compressedCorpus(archive: Buffer): readonly [Buffer, ...Buffer[]] {
  return [gzipSync(archive), zstdCompressSync(archive)];
}
