/** What the registry needs to know of a manifest: its type, what it refers to, its subject (OCI image-spec 1.1; Docker manifests of schema 2). */
import { digestFault } from '#oci/digest.ts';
import { mediaTypes } from '#oci/media-types.ts';
import { Refusal } from '../http/refusal.ts';

/** The largest manifest that is taken, in bytes (OCI distribution-spec 1.1, "Pushing Manifests"). */
export const largestManifest = 4 * 1024 * 1024;
/** More than any honest manifest refers to; each costs a look-up. */
const mostParts = 20_000;

const ociArtifact = 'application/vnd.oci.artifact.manifest.v1+json';
const indexTypes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerManifestList]);
const manifestTypes: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
const schema1Types: ReadonlySet<string> = new Set([mediaTypes.dockerSchema1, mediaTypes.dockerSignedSchema1]);

export interface ManifestDocument {
  readonly mediaType: string;
  /** Digests of configuration and layers that must be in the repository. */
  readonly blobs: readonly string[];
  /** Digests of the manifests of an index. */
  readonly manifests: readonly string[];
  /** Of what an index has beside manifests, as caches of builds do: blobs, or manifests of types that are not known. */
  readonly others: readonly string[];
  readonly subject: string | undefined;
  /** As the list of referrers tells it; undefined where an index has none. */
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws MANIFEST_INVALID */
export function readManifest(bytes: Buffer, contentType: string | undefined): ManifestDocument {
  const document = parse(bytes);
  const named = document['mediaType'];
  if (named !== undefined && typeof named !== 'string') throw invalid('mediaType is no text');
  const given = contentType === undefined || contentType === 'application/json' || contentType === 'application/octet-stream' ? undefined : contentType;
  if (named !== undefined && given !== undefined && named !== given) throw invalid(`the manifest calls itself ${named}, its Content-Type is ${given}`);
  const mediaType = named ?? given ?? guessType(document);
  if (schema1Types.has(mediaType) || document['fsLayers'] !== undefined) throw invalid('manifests of schema 1 are not supported: push the image with a client that writes schema 2 or OCI manifests');
  const annotations = annotationsOf(document['annotations']);
  const subject = document['subject'] === undefined || document['subject'] === null ? undefined : descriptor(document['subject'], 'subject').digest;
  const own = textOf(document['artifactType'], 'artifactType');
  if (indexTypes.has(mediaType)) {
    const entries = list(document['manifests'], 'manifests').map((entry, index) => descriptor(entry, `manifests[${index}]`));
    const isManifest = ({ mediaType: type }: { mediaType: string | undefined }): boolean => type === undefined || indexTypes.has(type) || manifestTypes.has(type) || type === ociArtifact;
    const [manifests, others] = [entries.filter(isManifest), entries.filter((entry) => !isManifest(entry) && !entry.isElsewhere)].map((some) => some.map(({ digest }) => digest));
    return { mediaType, blobs: [], manifests: manifests ?? [], others: others ?? [], subject, artifactType: own, annotations };
  }
  if (manifestTypes.has(mediaType)) {
    const configuration = descriptor(document['config'], 'config');
    const layers = list(document['layers'], 'layers').map((entry, index) => descriptor(entry, `layers[${index}]`));
    const blobs = [configuration, ...layers].filter(({ isElsewhere }) => !isElsewhere).map(({ digest }) => digest);
    return { mediaType, blobs, manifests: [], others: [], subject, artifactType: own ?? configuration.mediaType, annotations };
  }
  if (mediaType === ociArtifact) {
    const blobs = list(document['blobs'], 'blobs').map((entry, index) => descriptor(entry, `blobs[${index}]`).digest);
    return { mediaType, blobs, manifests: [], others: [], subject, artifactType: own, annotations };
  }
  throw invalid(`the media type ${mediaType} is not that of a manifest this registry knows`);
}

function parse(bytes: Buffer): Fields {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`it is not JSON in UTF-8: ${error instanceof Error ? error.message : ''}`);
  }
  return fields(document, 'manifest');
}

function guessType(document: Fields): string {
  return document['manifests'] === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex;
}

function descriptor(value: unknown, what: string): { digest: string; mediaType: string | undefined; isElsewhere: boolean } {
  const object = fields(value, what);
  const { digest, size, mediaType, urls } = object;
  if (typeof digest !== 'string') throw invalid(`${what}.digest is missing`);
  const fault = digestFault(digest);
  if (fault !== undefined) throw invalid(`${what}.digest: ${fault}`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`${what}.size is no number of bytes`);
  const type = textOf(mediaType, `${what}.mediaType`);
  // Layers that may not be distributed are fetched from where their addresses point.
  const isElsewhere = (Array.isArray(urls) && urls.length > 0) || (type !== undefined && /nondistributable|\.foreign\./.test(type));
  return { digest, mediaType: type, isElsewhere };
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`${what} is no list`);
  if (value.length > mostParts) throw invalid(`${what} has ${value.length} entries, more than the ${mostParts} that are taken`);
  return value;
}

function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} is no object`);
  return value as Fields;
}

function textOf(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalid(`${what} is no text`);
  return value;
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  const object = fields(value, 'annotations');
  for (const [name, text] of Object.entries(object)) if (typeof text !== 'string') throw invalid(`annotations.${name} is no text`);
  return object as Record<string, string>;
}

function invalid(reason: string): Refusal {
  return new Refusal('MANIFEST_INVALID', { message: `manifest invalid: ${reason}` });
}
