/** Built images as manifests, with what attests them, and the index that ties several together (OCI image-spec 1.1). */
import { parseImageConfiguration } from '#oci/image-configuration.ts';
import type { BlobExchange, KeptImage } from '#image/contract.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { formatPlatform } from '#oci/platform.ts';
import type { BuildProgress } from '../build-progress.ts';
import type { SolvedImage } from '../solve-build.ts';
import type { Attestation } from './attestation.ts';
import type { AnnotationPlace, ImageExportOptions } from './export-options.ts';

export interface PackOptions {
  readonly exchange: BlobExchange;
  readonly progress: BuildProgress;
  /** The step that tells of it. */
  readonly vertex: string;
  readonly options: ImageExportOptions;
  /** Layers of an image, topmost first. */
  readonly chainOf: (top: string) => readonly string[];
  readonly attestations: (image: SolvedImage) => Promise<readonly Attestation[]>;
  /** An index is asked for, also of one image. */
  readonly multiPlatform: boolean;
  readonly signal: AbortSignal;
}

export interface PackedImages {
  /** What a name stands for. */
  readonly root: Descriptor;
  readonly images: readonly KeptImage[];
  readonly isIndex: boolean;
}

const inTotoType = 'application/vnd.in-toto+json';

/** @throws layer.not_found */
export async function packImages(images: readonly SolvedImage[], pack: PackOptions): Promise<PackedImages> {
  const { exchange, progress, vertex, options, multiPlatform } = pack;
  const attested = await Promise.all(images.map(async (image) => await pack.attestations(image)));
  const isIndex = multiPlatform || attested.some(({ length }) => length > 0);
  const oci = options.oci ?? (isIndex && attested.some(({ length }) => length > 0) ? true : options.compression === 'zstd' || options.annotations.length > 0);
  const layersPart = progress.part(vertex, 'exporting layers');
  const packed: KeptImage[] = [];
  const descriptors: Descriptor[] = [];
  for (const [index, image] of images.entries()) {
    const kept = await packImage(image, { ...pack, oci });
    packed.push(kept);
    const platform = formatPlatform(image.platform);
    const annotations = annotationsFor(options, 'manifest-descriptor', platform);
    descriptors.push({ ...kept.manifest, ...(annotations === undefined ? {} : { annotations }), platform: image.platform });
    const statements = attested[index] ?? [];
    if (statements.length > 0) descriptors.push(await packAttestations(statements, kept.manifest, image, pack));
  }
  layersPart({ done: true });
  // Images before what attests them.
  descriptors.sort((a, b) => Number(a.platform?.os === 'unknown') - Number(b.platform?.os === 'unknown'));
  for (const { manifest, references } of packed) {
    told(pack, `exporting manifest ${manifest.digest}`);
    told(pack, `exporting config ${references[0]?.digest ?? ''}`);
  }
  const [only] = packed;
  if (!isIndex && only !== undefined) return { root: only.manifest, images: packed, isIndex };
  const mediaType = oci ? mediaTypes.ociIndex : mediaTypes.dockerManifestList;
  const annotations = annotationsFor(options, 'index', undefined);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: descriptors.map(written), ...(annotations === undefined ? {} : { annotations }) }, undefined, 2));
  const root = await exchange.document(bytes, mediaType);
  for (const { digest, platform } of descriptors) if (platform?.os === 'unknown') told(pack, `exporting attestation manifest ${digest}`);
  told(pack, `exporting manifest list ${root.digest}`);
  return { root, images: packed, isIndex };
}

function told({ progress, vertex }: PackOptions, text: string): void {
  progress.part(vertex, text)({ done: true });
}

async function packImage({ top, configuration, ownLayers, reproducible, platform, materials }: SolvedImage, { exchange, options, chainOf, oci, signal }: PackOptions & { oci: boolean }): Promise<KeptImage> {
  const chain = top === undefined ? [] : chainOf(top).toReversed();
  // What other builds on this machine have made of a layer is another machine's not.
  const originals = materials.flatMap(({ image }) => exchange.blobsOf(image));
  const layers = await Promise.all(chain.map(async (chainId, place) =>
    await exchange.layer(chainId, { compression: options.compression, level: options.level, force: options.force, oci, steady: reproducible, reuse: reproducible ? (place < chain.length - ownLayers ? originals : []) : undefined }, signal)));
  const config = await exchange.document(configuration, oci ? mediaTypes.ociConfig : mediaTypes.dockerConfig);
  const mediaType = oci ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const annotations = annotationsFor(options, 'manifest', formatPlatform(platform));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: written(config), layers: layers.map(written), ...(annotations === undefined ? {} : { annotations }) }, undefined, 2));
  const { diffIds } = parseImageConfiguration(configuration.toString('utf8'));
  return { configuration, manifest: await exchange.document(bytes, mediaType), references: [config, ...layers], diffIds };
}

async function packAttestations(statements: readonly Attestation[], subject: Descriptor, image: SolvedImage, { exchange, options }: PackOptions): Promise<Descriptor> {
  const subjects = [
    ...options.names.map((name) => ({ name: packageUrl(name, formatPlatform(image.platform)), digest: { sha256: subject.digest.slice('sha256:'.length) } })),
  ];
  const layers: Descriptor[] = [];
  for (const { predicateType, predicate } of statements) {
    const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject: subjects.length > 0 ? subjects : [{ name: '_', digest: { sha256: subject.digest.slice('sha256:'.length) } }], predicate };
    const layer = await exchange.document(Buffer.from(JSON.stringify(statement)), inTotoType);
    layers.push({ ...layer, annotations: { 'in-toto.io/predicate-type': predicateType } });
  }
  const configuration = Buffer.from(JSON.stringify({ architecture: 'unknown', os: 'unknown', config: {}, rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) } }));
  const config = await exchange.document(configuration, mediaTypes.ociConfig);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: written(config), layers: layers.map(written) }, undefined, 2));
  const manifest = await exchange.document(bytes, mediaTypes.ociManifest);
  return { ...manifest, annotations: { 'vnd.docker.reference.digest': subject.digest, 'vnd.docker.reference.type': 'attestation-manifest' }, platform: { os: 'unknown', architecture: 'unknown' } };
}

/** Where an image comes from, as in-toto names it (package-url, type docker). */
export function packageUrl({ domain, path, tag, digest }: { domain: string; path: string; tag?: string | undefined; digest?: string | undefined }, platform: string): string {
  const name = domain === 'docker.io' ? path.replace(/^library\//, '') : `${domain}/${path}`;
  const qualifiers = [...(digest === undefined ? [] : [`digest=${digest}`]), `platform=${encodeURIComponent(platform)}`];
  return `pkg:docker/${name.split('/').map(encodeURIComponent).join('/')}${tag === undefined ? '' : `@${tag}`}?${qualifiers.join('&')}`;
}

function annotationsFor({ annotations }: ImageExportOptions, place: AnnotationPlace, platform: string | undefined): Record<string, string> | undefined {
  const found = annotations.filter((annotation) => annotation.place === place && (annotation.platform === undefined || annotation.platform === platform));
  return found.length === 0 ? undefined : Object.fromEntries(found.map(({ name, value }) => [name, value] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A descriptor as documents have it, with its fields in the usual order. */
export function written({ mediaType, digest, size, annotations, platform }: Descriptor): object {
  return { mediaType, digest, size, ...(annotations === undefined ? {} : { annotations }), ...(platform === undefined ? {} : { platform: { architecture: platform.architecture, os: platform.os, ...(platform.variant === undefined ? {} : { variant: platform.variant }) } }) };
}

