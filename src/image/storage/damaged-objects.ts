/** Which images, layers and blobs are not whole. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, messageOf } from '#base/errors/failure.ts';
import { digestOf } from '#oci/digest.ts';
import type { DamagedObject } from '#schema/storage-report.ts';
import type { ImageParts } from '../image-parts.ts';
import { LayerPaths } from '../layer/layer-paths.ts';

/** `deep`: contents are read and compared with their digests. */
export async function* damagedObjects(parts: ImageParts, dataRoot: string, { deep, signal }: { deep: boolean; signal: AbortSignal }): AsyncGenerator<DamagedObject> {
  for (const id of parts.catalog.ids()) {
    const reason = await imageFault(parts, id);
    if (reason !== undefined) yield { Kind: 'image', Id: id, Reason: reason };
  }
  const paths = new LayerPaths(dataRoot);
  for (const { chainId } of parts.layers.list()) {
    signal.throwIfAborted();
    const [directory] = parts.layers.directories(chainId);
    const missing = [join(paths.layer(directory?.name ?? ''), 'diff'), join(paths.record(chainId), 'tar-recipe.zst'), join(paths.links, directory?.link ?? '')].find((path) => !existsSync(path));
    const reason = missing !== undefined ? `${missing} is not there` : deep ? await layerFault(parts, chainId, signal) : undefined;
    if (reason !== undefined) yield { Kind: 'layer', Id: chainId, Reason: reason };
  }
  for (const { digest, kind } of parts.manifests.list()) {
    if (parts.content.stat(digest) === undefined) yield { Kind: kind, Id: digest, Reason: 'the document is not there' };
  }
  if (!deep) return;
  for (const { digest } of parts.content.list()) {
    if (!(await parts.content.verify(digest, signal))) yield { Kind: 'blob', Id: digest, Reason: 'the contents have another digest' };
  }
}

async function imageFault({ catalog, layers }: ImageParts, id: string): Promise<string | undefined> {
  try {
    if (digestOf(await catalog.configurationBytes(id)) !== id) return 'the configuration has another digest';
    const missing = catalog.get(id).chain.find((chainId) => layers.get(chainId) === undefined);
    return missing === undefined ? undefined : `layer ${missing} is not there`;
  } catch (error) {
    return messageOf(error);
  }
}

/** Its archive is made again, which tells whether all of it is what it was. */
async function layerFault({ layers }: ImageParts, chainId: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    for await (const _bytes of await layers.tarStream(chainId, { signal }));
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return error.message;
  }
}
