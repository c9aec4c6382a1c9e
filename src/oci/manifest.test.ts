import assert from 'node:assert/strict';
import test from 'node:test';
import { chainIds } from './chain-id.ts';
import { digestFault, digestOf } from './digest.ts';
import { checkHistory, parseImageConfiguration } from './image-configuration.ts';
import { parseManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';

const digest = digestOf('x');
const descriptor = { mediaType: mediaTypes.ociConfig, digest, size: 1 };

test('a manifest must be told from an index by its media type, its transport or its fields', () => {
  assert.equal(parseManifest(JSON.stringify({ mediaType: mediaTypes.ociIndex, manifests: [] })).kind, 'index');
  assert.equal(parseManifest(JSON.stringify({ config: descriptor, layers: [] })).kind, 'manifest');
  assert.equal(parseManifest(JSON.stringify({ config: descriptor }), mediaTypes.dockerManifest).kind, 'manifest');
  assert.equal(parseManifest(JSON.stringify({ manifests: [descriptor] }), mediaTypes.dockerManifestList).kind, 'index');
});

test('what is no manifest must be refused and say where it is wrong', () => {
  assert.throws(() => parseManifest('{'), { code: 'image.invalid_document' });
  assert.throws(() => parseManifest('[]'), { message: 'invalid image data: manifest is not an object' });
  assert.throws(() => parseManifest(JSON.stringify({ config: { ...descriptor, digest: 'sha256:../../etc' }, layers: [] })), { message: 'invalid image data: manifest.config.digest invalid checksum digest length' });
  assert.throws(() => parseManifest(JSON.stringify({ config: { ...descriptor, size: -1 }, layers: [] })), { code: 'image.invalid_document' });
  assert.throws(() => parseManifest(JSON.stringify({ mediaType: 'text/x', config: descriptor })), { code: 'image.unsupported_manifest' });
  assert.throws(() => parseManifest(JSON.stringify({ schemaVersion: 1, fsLayers: [] })), { code: 'image.schema1_manifest' });
});

test('digests must be checked in form, length and algorithm', () => {
  assert.equal(digestFault(digest), undefined);
  assert.equal(digestFault('sha256:'), 'invalid checksum digest format');
  assert.equal(digestFault(`sha256:${'G'.repeat(64)}`), 'invalid checksum digest format');
  assert.equal(digestFault('sha256:ab'), 'invalid checksum digest length');
  assert.equal(digestFault('md5:ab'), 'unsupported digest algorithm');
  assert.equal(digestFault('constructor:ab'), 'unsupported digest algorithm');
});

test('chain ids must follow the specification', () => {
  const [first, second] = [digestOf('a'), digestOf('b')];
  assert.deepEqual(chainIds([first, second]), [first, digestOf(`${first} ${second}`)]);
  assert.deepEqual(chainIds([]), []);
});

test('a configuration must be read whatever it leaves out, and refused where it contradicts itself', () => {
  const bare = parseImageConfiguration(JSON.stringify({ rootfs: { type: 'layers' } }));
  assert.deepEqual({ ...bare }, { author: '', comment: '', dockerVersion: '', os: '', osVersion: '', architecture: '', variant: '', config: undefined, rootfsType: 'layers', diffIds: [], history: [] });
  assert.throws(() => parseImageConfiguration('{}'), { message: 'invalid image JSON, no RootFS key' });
  assert.throws(() => checkHistory(parseImageConfiguration(JSON.stringify({ rootfs: {}, history: [{}] }))), { message: 'too many non-empty layers in History section' });
});
