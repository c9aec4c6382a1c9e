/** The facts the layer store keeps about each layer, in a file of its directory below `layerdb`. */
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { fail, messageOf } from '#base/errors/failure.ts';
import { failedWith } from '#kernel/failed-with.ts';
import type { Layer } from './contract.ts';
import type { LayerPaths } from './layer-paths.ts';

const fileName = 'layer.json';
export const recipeName = 'tar-recipe.zst';

export interface LayerRecord extends Layer {
  readonly name: string;
  readonly link: string;
  readonly tarLength: number;
  readonly whiteouts: readonly string[];
  readonly opaque: readonly string[];
  readonly replaced: Readonly<Record<number, string>>;
}

/** Writes the facts durably into a directory that is not yet a layer's. */
export function writeLayerRecord(directory: string, record: LayerRecord): void {
  const descriptor = openSync(`${directory}/${fileName}`, 'wx', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify({ version: 1, ...record })}\n`);
    // A layer must not be known by a file that a power loss empties.
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** All layers there are. @throws store.damaged */
export function readLayerRecords(paths: LayerPaths): LayerRecord[] {
  let names: string[];
  try {
    names = readdirSync(paths.records);
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return [];
    throw error;
  }
  return names.map((name) => readLayerRecord(`${paths.records}/${name}/${fileName}`));
}

function readLayerRecord(path: string): LayerRecord {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as LayerRecord & { version: number };
    if (record.version !== 1) throw new Error(`version ${record.version} is not known`);
    return record;
  } catch (error) {
    throw fail('store.damaged', { path, reason: messageOf(error) }, error);
  }
}
