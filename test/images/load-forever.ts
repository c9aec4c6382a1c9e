/** A process that loads an archive and removes its images in turn, until it is killed. Arguments: data root, archive. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createImageStore } from '#image/image-store.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { StateDatabase } from '#store/state-database.ts';

const [dataRoot = '', archive = ''] = process.argv.slice(2);
const layers = createLayerStore({ dataRoot });
await layers.repair();
const store = createImageStore({ dataRoot, database: new StateDatabase(join(dataRoot, 'state.db')), layers, onEvent: () => undefined });
await store.repair();
const signal = new AbortController().signal;
for (;;) {
  process.stdout.write('l');
  for await (const _message of store.load(createReadStream(archive), { quiet: true, signal }));
  process.stdout.write('r');
  for (const name of ['app:0', 'app:1', 'app:2']) await store.remove(name, { force: true, prune: true, users: () => [] });
}
