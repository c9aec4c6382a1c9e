import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LayerWorkers } from '#image/layer/layer-workers.ts';
import type { LayerJob } from '#image/layer/worker-messages.ts';
import { temporaryDirectory } from './fixtures.ts';

test('a worker that dies must fail its job, and the next job get another', async () => {
  using directory = temporaryDirectory();
  for (const name of ['from', 'to']) mkdirSync(`${directory.path}/${name}`);
  writeFileSync(`${directory.path}/from/f`, 'x');
  const workers = new LayerWorkers();
  const copy: LayerJob = { kind: 'copy', layers: [{ tree: `${directory.path}/from`, whiteouts: [], opaque: [] }], target: `${directory.path}/to` };
  await workers.run(copy);
  // Without a ring the worker cannot even tell that it failed.
  await assert.rejects(workers.run({ kind: 'pack' } as unknown as LayerJob));
  await workers.run(copy);
  assert.equal(readFileSync(`${directory.path}/to/f`, 'utf8'), 'x');
});
