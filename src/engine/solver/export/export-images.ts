/** Built images into the image store, to registries and into archives of the client. */
import type { BlobExchange } from '#image/contract.ts';
import { digestOf } from '#oci/digest.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { canonicalText, familiarText, type ImageReference } from '#oci/reference.ts';
import { fail } from '#base/errors/failure.ts';
import type { BuildExporter } from '../contract.ts';
import { beginStep, sendArchive, type ExportParts } from './export-parts.ts';
import { authorizationFor } from '../registry-authorization.ts';
import type { SolvedImage } from '../solve-build.ts';
import { provenanceOf, readGenerator, readProvenance, type Attestation } from './attestation.ts';
import { readImageExport, type ImageExportOptions } from './export-options.ts';
import { imageLayout } from './image-layout.ts';
import { packImages, written, type PackedImages } from './pack-images.ts';
import { rewriteTimestamps } from './rewrite-timestamps.ts';
import { scanImage } from './scan-image.ts';

export async function exportImages(given: readonly SolvedImage[], exporter: BuildExporter, parts: ExportParts): Promise<Record<string, string>> {
  const { progress, images: store } = parts;
  const options = readImageExport(exporter.type, exporter.attributes);
  const vertex = beginStep('exporting to image', parts);
  await using lease = store.lease();
  const images = options.rewriteTimestamps ? await rewriteTimestamps(given, store, { lease, signal: parts.signal }) : given;
  const [only] = images;
  if (only !== undefined && images.length === 1 && !options.packed && !isAttested(only, options)) return await storeImage(only, { options, vertex, parts });
  using exchange = store.exchange();
  const packed = await pack(images, { exchange, options, vertex, parts });
  if (options.push) await push(packed.root, { exchange, options, vertex, parts });
  const ids = options.store ? await keep(packed, { exchange, options, vertex, parts }) : [];
  progress.complete(vertex);
  return { ...answerOf(packed, options), ...(ids.length === 1 ? { 'containerimage.config.digest': ids[0] ?? '' } : {}) };
}

export async function exportImageArchive(given: readonly SolvedImage[], exporter: BuildExporter, index: number, parts: ExportParts): Promise<Record<string, string>> {
  const { progress, images: store, signal } = parts;
  if (exporter.attributes['tar'] === 'false') throw fail('build.solve_failed', { message: `${exporter.type} exporter gives an archive: tar=false is not supported` });
  const options = readImageExport(exporter.type, exporter.attributes);
  const docker = exporter.type === 'docker';
  if (docker && given.length > 1) throw fail('build.solve_failed', { message: 'docker exporter does not currently support exporting manifest lists' });
  const vertex = beginStep(`exporting to ${docker ? 'docker' : 'oci'} image format`, parts);
  await using lease = store.lease();
  const images = options.rewriteTimestamps ? await rewriteTimestamps(given, store, { lease, signal }) : given;
  using exchange = store.exchange();
  const packed = await pack(images, { exchange, options, vertex, parts });
  const sending = progress.part(vertex, 'sending tarball');
  const annotations = Object.fromEntries(options.annotations.filter(({ place }) => place === 'index-descriptor').map(({ name, value }) => [name, value]));
  const bytes = await sendArchive(imageLayout(packed, { names: options.names, docker, exchange, annotations, signal }), index, parts);
  sending({ current: bytes, done: true });
  progress.complete(vertex);
  return answerOf(packed, options);
}

interface ExportWork {
  readonly options: ImageExportOptions;
  readonly vertex: string;
  readonly parts: ExportParts;
}

/** As Docker without a store of manifests has it: the image is known by its configuration. */
async function storeImage({ configuration }: SolvedImage, { options, vertex, parts }: ExportWork): Promise<Record<string, string>> {
  const { images, progress } = parts;
  progress.part(vertex, 'exporting layers')({ done: true });
  const id = digestOf(configuration);
  const writing = progress.part(vertex, `writing image ${id}`);
  await images.add(configuration, []);
  writing({ done: true });
  for (const name of options.names) {
    const naming = progress.part(vertex, namingText(name));
    images.tag(id, familiarText(name), undefined);
    naming({ done: true });
  }
  await images.settled({ files: true });
  progress.complete(vertex);
  return { 'containerimage.config.digest': id, 'containerimage.digest': id, ...imageNames(options) };
}

async function pack(images: readonly SolvedImage[], { exchange, options, vertex, parts }: ExportWork & { exchange: BlobExchange }): Promise<PackedImages> {
  const { progress, signal, images: store } = parts;
  return await packImages(images, {
    exchange, progress, vertex, options, signal,
    chainOf: (top) => store.layerChain(top),
    multiPlatform: images.length > 1 || images.some(({ options: { multiPlatform } }) => multiPlatform),
    attestations: async (image) => await attestationsOf(image, options, parts),
  });
}

/** Whether something is asked for that only a packed image can tell. */
function isAttested({ options: { attributes } }: SolvedImage, options: ImageExportOptions): boolean {
  const provenance = readProvenance(attributes);
  return (provenance !== undefined && (!provenance.implied || options.impliedAttestations)) || readGenerator(attributes) !== undefined;
}

export async function attestationsOf(image: SolvedImage, options: Pick<ImageExportOptions, 'impliedAttestations'>, parts: ExportParts): Promise<Attestation[]> {
  const { attributes } = image.options;
  const attestations: Attestation[] = [];
  const generator = readGenerator(attributes);
  if (generator !== undefined) attestations.push(...(await scanImage(image, generator, parts)));
  const provenance = readProvenance(attributes);
  if (provenance !== undefined && (!provenance.implied || options.impliedAttestations)) attestations.push(provenanceOf(image, provenance, { ...parts.facts(), attributes, dockerfile: image.dockerfile }));
  return attestations;
}

async function push(root: Descriptor, { exchange, options, vertex, parts }: ExportWork & { exchange: BlobExchange }): Promise<void> {
  const { progress, session, signal } = parts;
  for (const name of options.names) {
    const layers = progress.part(vertex, 'pushing layers');
    const manifest = progress.part(vertex, `pushing manifest for ${canonicalText(name)}@${root.digest}`);
    await exchange.push(name, root, { authorization: await authorizationFor(name, session, signal), byDigest: options.byDigest, signal });
    layers({ done: true });
    manifest({ done: true });
  }
}

async function keep(packed: PackedImages, { exchange, options, vertex, parts }: ExportWork & { exchange: BlobExchange }): Promise<string[]> {
  const { progress } = parts;
  const names = options.byDigest ? [] : options.names;
  const ids = await exchange.keep({ images: packed.images, root: packed.root, names, pushed: options.push ? options.names : [] });
  for (const name of names) progress.part(vertex, namingText(name))({ done: true });
  return ids;
}

function answerOf({ root, images }: PackedImages, options: ImageExportOptions): Record<string, string> {
  const [only] = images;
  return {
    'containerimage.digest': root.digest,
    'containerimage.descriptor': Buffer.from(JSON.stringify(written(root))).toString('base64'),
    ...(images.length === 1 && only !== undefined ? { 'containerimage.config.digest': only.references[0]?.digest ?? '' } : {}),
    ...imageNames(options),
  };
}

function imageNames({ names }: ImageExportOptions): Record<string, string> {
  return names.length === 0 ? {} : { 'image.name': names.map((name) => canonicalText(name)).join(',') };
}

function namingText(name: ImageReference): string {
  return `naming to ${canonicalText(name).replace(/:latest$/, '')}`;
}
