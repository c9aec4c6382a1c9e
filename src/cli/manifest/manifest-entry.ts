/** A manifest as `docker manifest` keeps and shows it. Field names are those of Docker's files. */
import { createHash } from 'node:crypto';
import { canonicalName, parseReference, type ImageReference } from '#oci/reference.ts';
import type { PlatformView } from '#schema/registry-views.ts';

export interface ManifestDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: PlatformView;
}

export interface ManifestEntry {
  /** Canonical, without `docker.io/library/` left out. */
  readonly Ref: string;
  readonly Descriptor: ManifestDescriptor;
  /** The document as it came, in base64. */
  readonly Raw?: string;
  /** The document read: one of these two. */
  readonly SchemaV2Manifest?: ManifestDocument;
  readonly OCIManifest?: ManifestDocument;
}

export interface ManifestDocument {
  readonly config?: { readonly digest?: string };
  readonly layers?: readonly { readonly digest?: string }[];
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** Its names are the whole ones. */
export function makeEntry(reference: ImageReference, document: { text: string; mediaType: string; platform: PlatformView }): ManifestEntry {
  const { text, mediaType, platform } = document;
  const bytes = Buffer.from(text);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const parsed = JSON.parse(text) as ManifestDocument;
  return {
    Ref: wholeText(reference),
    Descriptor: { mediaType, digest, size: bytes.length, platform },
    Raw: bytes.toString('base64'),
    ...(mediaType === ociManifest ? { OCIManifest: parsed } : { SchemaV2Manifest: parsed }),
  };
}

/** The document's own text. @throws Error when the entry has none */
export function documentText(entry: ManifestEntry): string {
  if (entry.Raw !== undefined && entry.Raw !== '') return Buffer.from(entry.Raw, 'base64').toString('utf8');
  const [document, indent] = entry.OCIManifest === undefined ? [entry.SchemaV2Manifest, 3] : [entry.OCIManifest, 2];
  if (document === undefined) throw new Error(`${entry.Ref} has no payload`);
  return JSON.stringify(document, null, indent);
}

/** Digests of all that the manifest names. */
export function blobsOf({ SchemaV2Manifest, OCIManifest }: ManifestEntry): string[] {
  const { config, layers = [] } = SchemaV2Manifest ?? OCIManifest ?? {};
  return [config, ...layers].flatMap((descriptor) => (descriptor?.digest === undefined ? [] : [descriptor.digest]));
}

/** The list or index of these manifests, for a repository of this registry. @throws Error with Docker's texts */
export function listText(target: ImageReference, entries: readonly ManifestEntry[], options: { complete: boolean }): { text: string; mediaType: string } {
  const manifests = entries.map(({ Ref, Descriptor: { mediaType, size, digest, platform } }) => {
    const source = parseReference(Ref);
    if (options.complete && (platform === undefined || platform.os === '' || platform.architecture === '')) throw new Error(`manifest ${Ref} must have an OS and Architecture to be pushed to a registry`);
    if (source.domain !== target.domain) throw new Error(`${options.complete ? '' : 'failed to assemble ManifestDescriptor: '}cannot use source images from a different registry than the target image: ${source.domain} != ${target.domain}`);
    const { architecture = '', os = '', ...rest } = platform ?? {};
    return { mediaType, size, digest, platform: { architecture, os, ...rest } };
  });
  const mediaType = manifests[0]?.mediaType === ociManifest ? ociIndex : dockerList;
  return { text: JSON.stringify({ schemaVersion: 2, mediaType, manifests }, null, 3), mediaType };
}

/** `docker.io/library/busybox:latest`. */
export function wholeText(reference: ImageReference): string {
  return `${canonicalName(reference)}${reference.tag === undefined ? '' : `:${reference.tag}`}${reference.digest === undefined ? '' : `@${reference.digest}`}`;
}

