/** What a client asks of an exported image (moby/buildkit, exporter/containerimage/opts.go). */
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import type { BlobForm } from '#image/contract.ts';
import { formatPlatform, parsePlatform } from '#oci/platform.ts';
import { parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';

export type AnnotationPlace = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor';

export interface ImageAnnotation {
  readonly place: AnnotationPlace;
  /** As `formatPlatform` writes it; undefined: every one. */
  readonly platform: string | undefined;
  readonly name: string;
  readonly value: string;
}

export interface ImageExportOptions {
  readonly names: readonly ImageReference[];
  readonly push: boolean;
  readonly byDigest: boolean;
  readonly store: boolean;
  readonly compression: BlobForm['compression'];
  readonly level: number | undefined;
  readonly force: boolean;
  /** Undefined: as what is in it needs. */
  readonly oci: boolean | undefined;
  readonly rewriteTimestamps: boolean;
  readonly annotations: readonly ImageAnnotation[];
  /** Provenance that no client asked for by name is packed, too. */
  readonly impliedAttestations: boolean;
  /** Something is asked for that only a packed image has. */
  readonly packed: boolean;
}

const compressions: ReadonlySet<string> = new Set(['gzip', 'zstd', 'uncompressed']);
const annotationKey = /^annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(?:\[([^\]]+)\])?\.(.+)$/;

/** @throws build.solve_failed */
export function readImageExport(type: string, attributes: Readonly<Record<string, string>>): ImageExportOptions {
  const flag = (name: string, fallback: boolean): boolean => {
    const value = attributes[name];
    if (value === undefined) return fallback;
    // A name alone stands for yes.
    return value === '' ? true : (parseGoBoolean(value) ?? refused(`non-bool value specified for ${name}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`));
  };
  const isArchive = type === 'oci' || type === 'docker';
  const push = !isArchive && flag('push', false);
  const packed = push || isArchive;
  const names = (attributes['name'] ?? '').split(',').filter((name) => name !== '').map((name) => withDefaultTag(parseReference(name)));
  if (push && names.length === 0) refused('tag is needed when pushing to registry');
  const compression = attributes['compression'] ?? 'gzip';
  if (packed && !compressions.has(compression)) refused(compression === 'estargz' ? 'compression estargz is not supported: gzip, zstd and uncompressed are' : `unsupported compression type ${compression}`);
  const level = attributes['compression-level'];
  if (packed && level !== undefined && !/^-?\d+$/.test(level)) refused(`non-int value ${level} specified for compression-level`);
  return {
    names, push,
    byDigest: flag('push-by-digest', false),
    store: flag('store', true),
    compression: isCompression(compression) ? compression : 'gzip',
    level: level === undefined ? undefined : Number(level),
    force: flag('force-compression', false),
    oci: attributes['oci-mediatypes'] === undefined ? (type === 'oci' ? true : undefined) : flag('oci-mediatypes', true),
    rewriteTimestamps: flag('rewrite-timestamp', false),
    annotations: Object.entries(attributes).flatMap(([key, value]) => annotationOf(key, value)),
    impliedAttestations: type === 'oci',
    packed,
  };
}

function isCompression(text: string): text is BlobForm['compression'] {
  return compressions.has(text);
}

function annotationOf(key: string, value: string): ImageAnnotation[] {
  const [, place, platform, name] = annotationKey.exec(key) ?? [];
  if (name === undefined) return [];
  return [{ place: isPlace(place) ? place : 'manifest', platform: platform === undefined ? undefined : formatPlatform(parsePlatform(platform)), name, value }];
}

function isPlace(text: string | undefined): text is AnnotationPlace {
  return text === 'manifest' || text === 'index' || text === 'manifest-descriptor' || text === 'index-descriptor';
}

function refused(message: string): never {
  throw fail('build.solve_failed', { message });
}
