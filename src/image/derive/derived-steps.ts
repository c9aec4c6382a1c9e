/** The images that were derived from one, with the configuration of the container each was made in. */
import { asObject, parseJson } from '#oci/json-value.ts';
import { failedWith } from '#kernel/failed-with.ts';
import type { DerivedStep } from '../contract.ts';
import type { ImageCatalog } from '../image-catalog.ts';

/** @param base undefined: those made from nothing */
export async function derivedSteps(catalog: ImageCatalog, base: string | undefined): Promise<DerivedStep[]> {
  const ids = base === undefined ? catalog.ids().filter((id) => catalog.get(id).parent === undefined) : catalog.children(base);
  const steps = await Promise.all(ids.map(async (id) => await stepOf(catalog, id)));
  return steps.filter((step) => step !== undefined);
}

async function stepOf(catalog: ImageCatalog, id: string): Promise<DerivedStep | undefined> {
  let bytes: Buffer;
  try {
    bytes = await catalog.configurationBytes(id);
  } catch (error) {
    // Removed meanwhile.
    if (failedWith(error, 'ENOENT')) return undefined;
    throw error;
  }
  const document = asObject(parseJson(bytes.toString('utf8'), 'image configuration'), 'image configuration');
  const { created, container_config: containerConfig } = document;
  return containerConfig === undefined || typeof created !== 'string' ? undefined : { id, created, containerConfig };
}
