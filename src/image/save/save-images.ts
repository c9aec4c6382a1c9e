/**
 * Writes images as a tar in the layout of Docker 25 and later: an OCI layout with `manifest.json` and
 * `repositories` for older readers. The same images give the same bytes.
 */
import { addAbortSignal, Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import { digestOf, encodedPart } from '#oci/digest.ts';
import { parseJson, asObject } from '#oci/json-value.ts';
import { platformOf } from '#oci/image-configuration.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { formatPlatform, platformRank, type Platform } from '#oci/platform.ts';
import { canonicalText, defaultTag, familiarName, familiarText, type ImageReference } from '#oci/reference.ts';
import type { TarHeader } from '#oci/tar/header-encoder.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { CatalogImage } from '../image-catalog.ts';
import { reportEvent, type ImageParts } from '../image-parts.ts';
import type { LayerLease } from '../layer-keeper.ts';
import { legacyConfigurations } from './legacy-configuration.ts';
import { siblingFor } from '../manifests/find-platform.ts';
import { selectImages } from './select-images.ts';

interface Blob {
  readonly created: bigint;
  readonly size: number;
  readonly body: () => Promise<Uint8Array | AsyncIterable<Uint8Array>>;
}

interface Plan {
  readonly blobs: Map<string, Blob>;
  readonly index: object[];
  readonly manifest: object[];
  readonly repositories: Record<string, Record<string, string>>;
}

/** The archive as a stream. Everything is found before the first byte. @throws image.not_found and the like */
export async function saveImages(parts: ImageParts, references: readonly string[], options: { platform?: Platform | undefined; signal: AbortSignal }): Promise<Readable> {
  const selected = forPlatform(parts, selectImages(parts.catalog, references), options.platform);
  const lease = parts.keeper.lease();
  try {
    const plan: Plan = { blobs: new Map(), index: [], manifest: [], repositories: {} };
    for (const [id, names] of selected) await planImage(parts, { lease, plan, id, names, among: selected, signal: options.signal });
    for (const id of selected.keys()) reportEvent(parts, { action: 'save', id, imageId: id, name: id });
    return addAbortSignal(options.signal, new LeasedArchive(writeTar(members(plan)), lease));
  } catch (error) {
    await lease[Symbol.asyncDispose]();
    throw error;
  }
}

/** In the place of each image that of the same index for the platform. @throws image.no_export_target */
function forPlatform(parts: ImageParts, selected: Map<string, ImageReference[]>, platform: Platform | undefined): Map<string, ImageReference[]> {
  if (platform === undefined) return selected;
  const fits = (id: string): boolean => platformRank(platform, platformOf(parts.catalog.get(id).configuration)) === 0;
  return new Map([...selected].map(([id, names]) => {
    const chosen = fits(id) ? id : siblingFor(parts, id, platform);
    if (chosen === undefined || !fits(chosen)) throw fail('image.no_export_target', { platform: formatPlatform(platform) });
    return [chosen, names];
  }));
}

/** The archive's bytes; gives the layers back when it is read or given up, even unread. */
class LeasedArchive extends Readable {
  readonly #chunks: AsyncGenerator<Uint8Array, void>;
  readonly #lease: LayerLease;

  constructor(chunks: AsyncGenerator<Uint8Array, void>, lease: LayerLease) {
    super();
    this.#chunks = chunks;
    this.#lease = lease;
  }

  override _read(): void {
    this.#chunks.next().then(
      (step) => void this.push(step.done === true ? null : step.value),
      (error: unknown) => void this.destroy(asError(error)),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#release().then(
      () => done(error),
      (failure: unknown) => done(error ?? asError(failure)),
    );
  }

  async #release(): Promise<void> {
    await using _lease = this.#lease;
    await this.#chunks.return();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

async function planImage(
  parts: ImageParts,
  given: { lease: LayerLease; plan: Plan; id: string; names: readonly ImageReference[]; among: ReadonlyMap<string, unknown>; signal: AbortSignal },
): Promise<void> {
  const { lease, plan, id, names, signal } = given;
  const image = parts.catalog.get(id);
  const { diffIds } = image.configuration;
  if (diffIds.length === 0) throw fail('image.invalid_archive', { message: 'empty export - not implemented' });
  for (const chainId of image.chain) if (!(await lease.hold(chainId))) throw fail('layer.not_found', { chainId });
  const configuration = await parts.catalog.configurationBytes(id);
  const created = (image.configuration.created === undefined ? undefined : parseTimestamp(image.configuration.created)) ?? 0n;
  const layers = image.chain.map((chainId, index) => ({
    mediaType: mediaTypes.ociLayer,
    size: parts.layers.tarLength(chainId),
    digest: diffIds[index] ?? '',
  }));
  for (const [index, chainId] of image.chain.entries()) {
    const layer = layers[index];
    if (layer === undefined || plan.blobs.has(layer.digest)) continue;
    plan.blobs.set(layer.digest, { created, size: layer.size, body: async () => await parts.layers.tarStream(chainId, { signal }) });
  }
  const addBytes = (bytes: Buffer, moment: bigint): string => {
    const digest = digestOf(bytes);
    plan.blobs.set(digest, { created: moment, size: bytes.length, body: () => Promise.resolve(bytes) });
    return digest;
  };
  addBytes(configuration, created);
  const document = asObject(parseJson(configuration.toString('utf8'), 'image configuration'), 'image configuration');
  for (const legacy of legacyConfigurations(document, image.chain)) addBytes(legacy, created);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: id, size: configuration.length },
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  );
  const descriptor = { mediaType: mediaTypes.ociManifest, digest: addBytes(manifest, 0n), size: manifest.length };
  for (const name of names) {
    plan.index.push({ ...descriptor, annotations: { 'io.containerd.image.name': canonicalText(name), 'org.opencontainers.image.ref.name': name.tag ?? defaultTag } });
    const repository = familiarName(name);
    plan.repositories[repository] = { ...plan.repositories[repository], [name.tag ?? defaultTag]: encodedPart(diffIds.at(-1) ?? '') };
  }
  if (names.length === 0) plan.index.push(descriptor);
  plan.manifest.push(manifestEntry(image, names, layers, given.among));
}

function manifestEntry(image: CatalogImage, names: readonly ImageReference[], layers: readonly { digest: string }[], among: ReadonlyMap<string, unknown>): object {
  return {
    Config: blobName(image.id),
    RepoTags: names.length === 0 ? null : names.map(familiarText),
    Layers: layers.map(({ digest }) => blobName(digest)),
    Parent: image.parent !== undefined && among.has(image.parent) ? image.parent : undefined,
    LayerSources: sorted(Object.fromEntries(layers.map((layer) => [layer.digest, layer]))),
  };
}

/** Names in order, as a walk over a directory gives them. */
async function* members(plan: Plan): AsyncGenerator<TarMember> {
  const newest = [...plan.blobs.values()].reduce((latest, { created }) => (created > latest ? created : latest), 0n);
  if (plan.blobs.size > 0) {
    yield { header: { name: 'blobs/', type: 'directory', modified: seconds(newest) } };
    yield { header: { name: 'blobs/sha256/', type: 'directory', modified: seconds(newest) } };
  }
  for (const [digest, blob] of [...plan.blobs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const header: TarHeader = { name: blobName(digest), type: 'file', size: blob.size, modified: seconds(blob.created) };
    yield { header, body: await blob.body() };
  }
  yield document('index.json', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: nullIfEmpty(plan.index) });
  yield document('manifest.json', nullIfEmpty(plan.manifest), '\n');
  yield { header: { name: 'oci-layout', type: 'file' }, body: Buffer.from('{"imageLayoutVersion": "1.0.0"}') };
  if (Object.keys(plan.repositories).length > 0) yield document('repositories', sorted(plan.repositories), '\n');
}

/** As Go writes a list that was never added to. */
function nullIfEmpty(list: readonly object[]): readonly object[] | null {
  return list.length === 0 ? null : list;
}

function sorted<T>(byKey: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(byKey).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function document(name: string, content: unknown, end = ''): TarMember {
  return { header: { name, type: 'file' }, body: Buffer.from(JSON.stringify(content) + end) };
}

function blobName(digest: string): string {
  return `blobs/sha256/${encodedPart(digest)}`;
}

/** Whole seconds: what every tar can hold. */
function seconds(moment: bigint): { seconds: number; nanoseconds: number } {
  return { seconds: Number(moment / 1_000_000_000n), nanoseconds: 0 };
}
