/** A daemon that is killed again and again while it pulls: nothing is lost of what it brought, and nothing is left behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { TestDaemon } from '../fixtures/test-daemon.ts';
import { imageOf, layerOf } from './image-fixture.ts';
import { noise, startRegistry } from './registry-fixture.ts';

const pieceSize = 32_768;

async function drain(messages: AsyncIterable<{ error?: string }>): Promise<void> {
  for await (const { error } of messages) if (error !== undefined) throw new Error(error);
}

test('a daemon that is killed while it pulls must leave no orphans and go on where it was', { timeout: 180_000 }, async (t) => {
  const registry = await startRegistry(t);
  const made = imageOf(await Promise.all([1, 2, 3, 4].map(async (index) => await layerOf({ [`file${index}`]: noise(`crash ${index}`, 6_000_000) }))));
  registry.push('me/app:v1', made);
  const total = [...registry.blobs.values()].reduce((sum, { length }) => sum + length, 0);
  await using daemon = await TestDaemon.start({ image: false });
  const pull = async (): Promise<void> => await drain(await daemon.client.images.pull({ image: `${registry.host}/me/app`, tag: 'v1' }));
  /** Bytes of each blob that were there when the daemon came up. */
  let there = new Map<string, { bytes: number; complete: boolean }>();
  const wrong: string[] = [];
  registry.intercept = (request) => {
    const digest = /blobs\/(sha256:[0-9a-f]+)/.exec(request.url ?? '')?.[1] ?? '';
    const known = there.get(digest);
    const range = request.headers.range ?? 'bytes=0-';
    if (known !== undefined && (known.complete || range !== `bytes=${known.bytes}-`)) wrong.push(`${range} of ${digest} was asked for, of which there were ${known.bytes} bytes`);
    there.delete(digest);
    return false;
  };
  const kills = 4;
  for (let kill = 1; kill <= kills; kill++) {
    // Somewhere in the next part of what is left.
    const goal = registry.sent() + Math.floor((Math.random() * total) / kills);
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    registry.pace = {
      piece: pieceSize,
      next: async () => {
        await turn();
        if (registry.sent() >= goal) resolve();
      },
    };
    const pulling = pull().then(() => 'done', () => 'cut');
    await Promise.race([reached, pulling]);
    await daemon.kill();
    await pulling;
    await daemon.launch();
    const report = await daemon.client.system.checkStorage({ deep: true });
    assert.deepEqual([report.Orphans, report.Damaged], [[], []], `after kill ${kill}`);
    there = new Map(report.Unfinished.map(({ Digest, Bytes, Complete }) => [Digest, { bytes: Bytes, complete: Complete }]));
  }
  registry.pace = undefined;
  await pull();
  const { Id } = await daemon.client.images.inspect(`${registry.host}/me/app:v1`);
  assert.equal(Id, made.id);
  const report = await daemon.client.system.checkStorage({ deep: true });
  assert.deepEqual([report.Orphans, report.Damaged, report.Unfinished], [[], [], []]);
  assert.deepEqual(wrong, []);
  await daemon.client.images.remove(`${registry.host}/me/app:v1`, {});
  const after = await daemon.client.system.checkStorage({ deep: false });
  assert.deepEqual([after.Orphans, after.Usage.filter(({ Kind }) => ['content', 'layer', 'unfinished transfer'].includes(Kind))], [[], []]);
});
