/** Steps of a build found in images that were made elsewhere, by their history (moby, image/cache). */
import { isDeepStrictEqual } from 'node:util';
import type { ImageConfiguration } from '#oci/image-configuration.ts';
import type { RestoredStep } from '../contract.ts';
import type { ImageParts } from '../image-parts.ts';
import { derivedConfiguration } from './derived-configuration.ts';

export async function restoreStep({ catalog, engineVersion }: ImageParts, { sources, base, ...step }: RestoredStep): Promise<{ id: string; source: string } | undefined> {
  const parent = base === undefined ? undefined : catalog.get(base).configuration;
  const place = parent?.history.length ?? 0;
  for (const source of sources) {
    if (!catalog.has(source)) continue;
    const { configuration } = catalog.get(source);
    const record = configuration.history[place];
    if (record === undefined || !beginsWith(configuration, parent) || record.createdBy !== step.createdBy) continue;
    if (place === configuration.history.length - 1) {
      await catalog.add([{ configuration: await catalog.configurationBytes(source), ...(base === undefined ? {} : { parent: base }) }]);
      return { id: source, source };
    }
    const diffId = record.emptyLayer ? undefined : configuration.diffIds[parent?.diffIds.length ?? 0];
    const made = derivedConfiguration({ ...step, base, comment: record.comment }, { base: parent, diffId, created: record.created ?? '', engineVersion });
    const [id = ''] = await catalog.add([{ configuration: made, parent: base }]);
    return { id, source };
  }
  return undefined;
}

function beginsWith({ history, diffIds }: ImageConfiguration, parent: ImageConfiguration | undefined): boolean {
  if (parent === undefined) return true;
  return parent.history.length < history.length && isDeepStrictEqual(history.slice(0, parent.history.length), parent.history) && isDeepStrictEqual(diffIds.slice(0, parent.diffIds.length), parent.diffIds);
}
