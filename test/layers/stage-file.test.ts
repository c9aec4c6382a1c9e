/** Unpacking out of a file, that may still be growing, by the thread that inflates it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { GrowingArchive } from '#image/layer/contract.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { layerOf } from '../images/image-fixture.ts';
import { noise } from '../images/registry-fixture.ts';

const never = new AbortController().signal;

interface Growing extends GrowingArchive {
  /** Adds bytes and tells of them. */
  grow(bytes: Uint8Array): void;
  lose(): void;
}

/** A file of which nothing is there yet. */
function growing(t: TestContext, size: number): Growing {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-stage-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'archive');
  writeFileSync(path, '');
  const descriptor = openSync(path, 'r');
  t.after(() => closeSync(descriptor));
  const listeners = new Set<(available: number | undefined) => void>();
  let available = 0;
  return {
    descriptor,
    digest: `sha256:${'0'.repeat(64)}`,
    size,
    watch: (listener) => {
      listeners.add(listener);
      listener(available);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    grow: (bytes) => {
      appendFileSync(path, bytes);
      available += bytes.length;
      for (const listener of listeners) listener(available);
    },
    lose: () => {
      for (const listener of listeners) listener(undefined);
    },
  };
}

function whole(t: TestContext, bytes: Buffer): GrowingArchive {
  const archive = growing(t, bytes.length);
  archive.grow(bytes);
  return archive;
}

function openLayers(t: TestContext): ReturnType<typeof createLayerStore> {
  const dataRoot = mkdtempSync(join(tmpdir(), 'dhow-stage-'));
  t.after(() => rmSync(dataRoot, { recursive: true, force: true }));
  return createLayerStore({ dataRoot });
}

test('an archive must be unpacked out of its file, however it is compressed', async (t) => {
  const layers = openLayers(t);
  const layer = await layerOf({ text: noise('stage', 700_000), zeros: '0'.repeat(3_000_000) });
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const [first, second] = [layer.subarray(0, 400_000), layer.subarray(400_000)];
  const forms = {
    plain: layer,
    gzip: gzipSync(layer),
    'gzip of two members': Buffer.concat([gzipSync(first), gzipSync(second)]),
    'gzip with zeros behind it': Buffer.concat([gzipSync(layer), Buffer.alloc(5000)]),
    zstd: zstdCompressSync(layer),
    'zstd of two frames': Buffer.concat([zstdCompressSync(first), zstdCompressSync(second)]),
    'zstd with a frame to skip': Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), zstdCompressSync(layer)]),
  };
  for (const [name, bytes] of Object.entries(forms)) {
    await using staged = await layers.stageFile(whole(t, bytes), { signal: never, expectedDiffId: diffId });
    assert.equal(staged?.diffId, diffId, name);
  }
  await using other = await layers.stageFile(whole(t, Buffer.from('BZh91AY&SY and so on')), { signal: never });
  assert.equal(other, undefined);
  assert.deepEqual(layers.list(), []);
});

test('a file must be unpacked while it grows', async (t) => {
  const layers = openLayers(t);
  const bytes = gzipSync(await layerOf({ text: noise('grow', 2_000_000) }));
  const archive = growing(t, bytes.length);
  const staging = layers.stageFile(archive, { signal: never });
  for (let at = 0; at < bytes.length; at += 50_000) {
    archive.grow(bytes.subarray(at, at + 50_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await using staged = await staging;
  assert.ok(staged !== undefined);
  const { chainId } = layers.adopt(undefined, staged);
  assert.equal(layers.list().length, 1);
  assert.equal(layers.tarLength(chainId) > 2_000_000, true);
});

test('what is no archive, is cut short, or inflates past its limit must be refused and leave nothing', async (t) => {
  const layers = openLayers(t);
  const layer = await layerOf({ zeros: '0'.repeat(5_000_000) });
  const compressed = gzipSync(layer);
  const spoilt = Buffer.from(compressed);
  spoilt.fill(0xff, 1000, 1100);
  const refused = { code: 'layer.invalid_archive' };
  await assert.rejects(layers.stageFile(whole(t, randomBytes(2000)), { signal: never }), refused);
  await assert.rejects(layers.stageFile(whole(t, Buffer.concat([Buffer.from([0x1f, 0x8b, 0x08]), randomBytes(2000)])), { signal: never }), refused);
  await assert.rejects(layers.stageFile(whole(t, compressed.subarray(0, compressed.length - 20)), { signal: never }), refused);
  await assert.rejects(layers.stageFile(whole(t, spoilt), { signal: never }), refused);
  await assert.rejects(layers.stageFile(whole(t, Buffer.concat([zstdCompressSync(layer).subarray(0, 60), randomBytes(300)])), { signal: never }), refused);
  for (const bomb of [compressed, zstdCompressSync(layer)]) {
    await assert.rejects(layers.stageFile(whole(t, bomb), { signal: never, maximumSize: 1_000_000 }), { code: 'layer.too_large' });
  }
  await assert.rejects(layers.stageFile(whole(t, compressed), { signal: never, expectedDiffId: `sha256:${'1'.repeat(64)}` }), { code: 'layer.digest_mismatch' });
  assert.deepEqual(layers.list(), []);
  // Only where deleted trees pass through.
  assert.equal(layers.underWay().length, 1);
});

test('one who waits for more of a file must be free to leave, and be told when there will be no more', async (t) => {
  const layers = openLayers(t);
  const left = new AbortController();
  const lost = growing(t, 1_000_000);
  const leaving = layers.stageFile(growing(t, 1_000_000), { signal: left.signal });
  const waiting = layers.stageFile(lost, { signal: never });
  for (let index = 0; index < 20; index++) await new Promise((resolve) => setImmediate(resolve));
  left.abort(new Error('enough'));
  await assert.rejects(leaving, { message: 'enough' });
  lost.lose();
  await assert.rejects(waiting, { message: 'the archive was not completed' });
  assert.equal(layers.underWay().length, 1);
});
