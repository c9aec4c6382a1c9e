/**
 * Loads the images of an archive: Docker's layout (`manifest.json`), an OCI layout (`index.json`) or the
 * one of Docker before 1.10 (`repositories`). All layers are applied first, then all images are added in
 * one step, so that a failure leaves nothing.
 */
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { fail, isFailure } from '#base/errors/failure.ts';
import { chainIdOver } from '#oci/chain-id.ts';
import { digestOf, hasDigest } from '#oci/digest.ts';
import { checkHistory, largestConfiguration, parseImageConfiguration, platformOf } from '#oci/image-configuration.ts';
import { largestDocument } from '#oci/manifest.ts';
import { platformRank, type Platform } from '#oci/platform.ts';
import { familiarText, parseReference, type ImageReference } from '#oci/reference.ts';
import { reportEvent, type ImageParts } from '../image-parts.ts';
import type { Report } from '../progress/progress-stream.ts';
import { parseArchiveManifest, type ArchivedImage } from './archive-manifest.ts';
import { loadFirstFormat } from './first-format.ts';
import { checkSystem, stagingProgress, type LoadedImage, type LoadSession } from './load-session.ts';
import { readOciLayout } from './oci-layout.ts';
import { placeLayer } from './place-layer.ts';
import { SpooledArchive } from './spooled-archive.ts';

/** Names by which writers of archives tell the digest of an uncompressed layer: Docker's own, skopeo's, and older ones. */
const namedByDigest = /^(?:blobs\/sha256\/)?([0-9a-f]{64})(?:\.tar|\/layer\.tar)?$/;

export async function loadImages(parts: ImageParts, archive: Readable, options: { quiet: boolean; platform?: Platform | undefined; disposable?: boolean | undefined; report: Report; signal: AbortSignal }): Promise<void> {
  await using directory = await parts.workspace.open('docker-import');
  await using lease = parts.keeper.lease();
  const chainByDiffId = new Map(parts.layers.list().map((layer) => [layer.diffId, layer.chainId]));
  await using spooled = await SpooledArchive.read(archive, {
    directory: directory.path,
    disposable: options.disposable ?? false,
    // A layer that is here need not be written out; it can be had from the store, should it be wanted elsewhere.
    leaveOut: async (name) => {
      const hex = namedByDigest.exec(name)?.[1];
      const chainId = hex === undefined ? undefined : chainByDiffId.get(`sha256:${hex}`);
      return chainId !== undefined && (await lease.hold(chainId));
    },
    stage: async (name, size, contents) => {
      const identifier = namedByDigest.exec(name)?.[1];
      const onProgress = identifier === undefined ? undefined : stagingProgress(options, { identifier, size });
      return await parts.layers.stage(contents, { signal: options.signal, onProgress });
    },
    signal: options.signal,
  });
  const session: LoadSession = { parts, archive: spooled, lease, chainByDiffId, adopted: new Set(), ...options };
  if (spooled.file('manifest.json') !== undefined) {
    await addImages(session, await gather(session, parseArchiveManifest(await spooled.text('manifest.json', largestDocument))), true);
  } else if (spooled.file('index.json') !== undefined) {
    await addImages(session, await gather(session, await readOciLayout(spooled)), true);
  } else {
    await addImages(session, await loadFirstFormat(session), false);
  }
}

async function gather(session: LoadSession, archived: readonly ArchivedImage[]): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  for (const image of archived) {
    const loaded = await gatherImage(session, image);
    if (loaded !== undefined) images.push(loaded);
  }
  return withParents(images);
}

/** Undefined when it is of another platform than asked for. */
async function gatherImage(session: LoadSession, image: ArchivedImage): Promise<LoadedImage | undefined> {
  const configuration = await session.archive.bytes(image.config, largestConfiguration);
  const id = digestOf(configuration);
  if (image.configDigest !== undefined && !hasDigest(configuration, image.configDigest)) throw fail('image.digest_mismatch', { message: `image config verification failed for digest ${image.configDigest}` });
  const parsed = parseImageConfiguration(configuration.toString('utf8'));
  checkSystem(parsed.os);
  if (session.platform !== undefined && platformRank(session.platform, platformOf(parsed)) !== 0) return undefined;
  const { diffIds } = parsed;
  if (image.layers.length !== diffIds.length) {
    throw fail('image.invalid_archive', { message: `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${diffIds.length}` });
  }
  for (const { name } of image.layers) session.archive.checkName(name);
  // Names are read before layers are applied: a wrong one costs nothing.
  const names = image.names.map(tagged);
  let below: string | undefined;
  for (const [index, layer] of image.layers.entries()) {
    const diffId = diffIds[index] ?? '';
    await applyLayer(session, { below, diffId, index, ...layer });
    below = chainIdOver(below, diffId);
  }
  checkHistory(parsed);
  return { id, configuration, parsed, names, parent: image.parent };
}

async function applyLayer(session: LoadSession, layer: { below: string | undefined; diffId: string; index: number; name: string; digest?: string }): Promise<void> {
  const { below, diffId, name } = layer;
  if (await session.lease.hold(chainIdOver(below, diffId))) return;
  try {
    const applied = await placeLayer(session, { below, name, expectedDiffId: diffId, identifier: diffId });
    if (layer.digest !== undefined && layer.digest.startsWith('sha256:') && applied.archiveDigest !== layer.digest) {
      throw fail('image.digest_mismatch', { message: `layer verification failed for digest ${layer.digest}` });
    }
  } catch (error) {
    if (!isFailure(error, 'layer.digest_mismatch')) throw error;
    const message = `invalid diffID for layer ${layer.index}: expected ${JSON.stringify(diffId)}, got ${JSON.stringify(error.details['actual'])}`;
    throw fail('image.digest_mismatch', { message }, error);
  }
}

function tagged(text: string): ImageReference {
  const name = parseReference(text);
  if (name.tag === undefined) throw fail('image.invalid_archive', { message: `invalid tag ${JSON.stringify(text)}` });
  return name;
}

/** Keeps a parent only where it is in the same archive. @throws image.invalid_archive when it cannot be the parent */
function withParents(images: readonly LoadedImage[]): LoadedImage[] {
  return images.map((image) => {
    const parent = images.find((other) => other.id === image.parent && other.id !== image.id);
    if (parent === undefined) return { ...image, parent: undefined };
    const [steps, before] = [image.parsed.history, parent.parsed.history];
    const fits = (steps.length === 0 && before.length === 0) || (steps.length === before.length + 1 && isDeepStrictEqual(steps.slice(0, -1), before));
    if (!fits) throw fail('image.invalid_archive', { message: `image ${parent.id} is not a valid parent for ${image.id}` });
    return image;
  });
}

async function addImages(session: LoadSession, images: readonly LoadedImage[], announced: boolean): Promise<void> {
  const { parts, report, signal } = session;
  const { catalog } = parts;
  await parts.settlement.files();
  signal.throwIfAborted();
  const before = new Map(images.flatMap(({ names }) => names.map((name) => [familiarText(name), catalog.lookup(name)] as const)));
  await catalog.add(images.map(({ configuration, names, parent }) => ({ configuration, names, parent })));
  await parts.settlement.rows();
  for (const { id, names } of images) {
    for (const name of names) {
      const text = familiarText(name);
      const old = before.get(text);
      if (old !== undefined && old !== id) report({ stream: `The image ${text} already exists, renaming the old one with ID ${old} to empty string\n` });
      if (announced) report({ stream: `Loaded image: ${text}\n` });
      before.set(text, id);
    }
    if (announced) reportEvent(parts, { action: 'load', id, imageId: id, name: id });
  }
  // Docker tells ids when the last image has no name, and an empty message when there is none.
  if (!announced) return;
  if (images.length === 0) report({});
  else if (images.at(-1)?.names.length === 0) report({ stream: images.map(({ id }) => `Loaded image ID: ${id}\n`).join('') });
}
