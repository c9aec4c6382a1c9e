/** Layers whose files are no younger than the moment that the build is said to be of (`rewrite-timestamp` of BuildKit's exporters). */
import { Readable } from 'node:stream';
import type { ImageStore } from '#image/contract.ts';
import type { LayerLease } from '#image/layer-keeper.ts';
import { readTar } from '#oci/tar/read-tar.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { SolvedImage } from '../solve-build.ts';

/** The images with such layers in the place of those that the build made. Without a moment they stay as they are. */
export async function rewriteTimestamps(images: readonly SolvedImage[], store: ImageStore, { lease, signal }: { lease: LayerLease; signal: AbortSignal }): Promise<SolvedImage[]> {
  const rewritten: SolvedImage[] = [];
  for (const image of images) rewritten.push(await rewriteImage(image, store, { lease, signal }));
  return rewritten;
}

async function rewriteImage(image: SolvedImage, store: ImageStore, { lease, signal }: { lease: LayerLease; signal: AbortSignal }): Promise<SolvedImage> {
  const { top, ownLayers, options: { epoch } } = image;
  if (top === undefined || epoch === undefined || ownLayers === 0) return image;
  const latest = Math.floor(Date.parse(epoch) / 1000);
  const chain = store.layerChain(top).toReversed();
  let parent = chain[chain.length - ownLayers - 1];
  for (const chainId of chain.slice(chain.length - ownLayers)) {
    const archive = Readable.from(writeTar(clamped(await store.layerArchive(chainId, signal), latest)), { objectMode: false });
    parent = (await lease.apply(parent, archive, { signal })).chainId;
  }
  const document = JSON.parse(image.configuration.toString('utf8')) as { rootfs: object };
  const configuration = Buffer.from(JSON.stringify({ ...document, rootfs: { ...document.rootfs, diff_ids: parent === undefined ? [] : store.diffIds(parent) } }));
  return { ...image, top: parent, configuration };
}

async function* clamped(archive: Readable, latest: number): AsyncGenerator<TarMember> {
  for await (const { entry, body } of readTar(archive as AsyncIterable<Buffer>)) {
    const { type, modified } = entry;
    if (type === 'unknown') continue;
    const isYounger = modified.seconds > latest || (modified.seconds === latest && modified.nanoseconds > 0);
    yield { header: { ...entry, type, modified: isYounger ? { seconds: latest, nanoseconds: 0 } : modified }, body: type === 'file' ? (body as AsyncIterable<Buffer>) : undefined };
  }
}
