/** Packed images as an archive: an OCI layout, with Docker's `manifest.json` where that is asked for. The same images give the same bytes. */
import type { BlobExchange } from '#image/contract.ts';
import { encodedPart } from '#oci/digest.ts';
import type { Descriptor } from '#oci/manifest.ts';
import { canonicalText, defaultTag, familiarText, type ImageReference } from '#oci/reference.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { written, type PackedImages } from './pack-images.ts';

export interface LayoutOptions {
  readonly names: readonly ImageReference[];
  readonly docker: boolean;
  readonly exchange: BlobExchange;
  /** Annotations of the entry in `index.json`. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export function imageLayout(packed: PackedImages, options: LayoutOptions): AsyncGenerator<Uint8Array, void> {
  return writeTar(members(packed, options));
}

async function* members({ root, images }: PackedImages, { names, docker, exchange, annotations, signal }: LayoutOptions): AsyncGenerator<TarMember> {
  const blobs = await namedBy(root, exchange);
  yield { header: { name: 'blobs/', type: 'directory' } };
  yield { header: { name: 'blobs/sha256/', type: 'directory' } };
  for (const [digest, { size }] of [...blobs].sort(([a], [b]) => (a < b ? -1 : 1))) yield { header: { name: pathOf(digest), type: 'file', size }, body: exchange.read(digest, signal) as AsyncIterable<Buffer> };
  const entries = names.length === 0
    ? [written({ ...root, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) })]
    : names.map((name) => written({ ...root, annotations: { ...annotations, 'io.containerd.image.name': canonicalText(name), 'org.opencontainers.image.ref.name': name.tag ?? defaultTag } }));
  yield text('index.json', { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: entries });
  if (docker) {
    yield text('manifest.json', images.map(({ references: [config, ...layers] }) => ({ Config: pathOf(config?.digest ?? ''), RepoTags: names.length === 0 ? null : names.map(familiarText), Layers: layers.map(({ digest }) => pathOf(digest)) })));
  }
  yield text('oci-layout', { imageLayoutVersion: '1.0.0' });
}

/** All blobs that a document names, and itself. */
export async function namedBy(root: Descriptor, exchange: BlobExchange): Promise<Map<string, Descriptor>> {
  const found = new Map<string, Descriptor>([[root.digest, root]]);
  const { manifests = [], config, layers = [] } = JSON.parse((await exchange.readDocument(root.digest)).toString('utf8')) as { manifests?: Descriptor[]; config?: Descriptor; layers?: Descriptor[] };
  for (const part of manifests) for (const [digest, descriptor] of isDocument(part) ? await namedBy(part, exchange) : [[part.digest, part] as const]) found.set(digest, descriptor);
  for (const blob of [...(config === undefined ? [] : [config]), ...layers]) found.set(blob.digest, blob);
  return found;
}

function isDocument({ mediaType }: Descriptor): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifest || mediaType === mediaTypes.dockerManifestList;
}

function pathOf(digest: string): string {
  return `blobs/sha256/${encodedPart(digest)}`;
}

function text(name: string, content: unknown): TarMember {
  return { header: { name, type: 'file' }, body: Buffer.from(JSON.stringify(content)) };
}
