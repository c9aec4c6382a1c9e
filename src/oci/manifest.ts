/** Manifests and indexes: what an image consists of (OCI image-spec 1.1; Docker manifest version 2, schema 2). */
import { fail } from '#base/errors/failure.ts';
import { digestFault } from './digest.ts';
import { asArray, asCount, asObject, asString, asStringMap, asStrings, optional, parseJson, type JsonObject } from './json-value.ts';
import { mediaTypes } from './media-types.ts';
import type { Platform } from './platform.ts';

/** A document larger than this is refused unread. */
export const largestDocument = 4 * 1024 * 1024;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
}

export interface ImageManifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** Reads a manifest or an index; `contentType` is what its transport said, used where the document names no type. @throws image.invalid_document, image.unsupported_manifest */
export function parseManifest(text: string, contentType?: string): ImageManifest | ImageIndex {
  const document = asObject(parseJson(text, 'manifest'), 'manifest');
  const mediaType = optional(document['mediaType'], 'manifest.mediaType', asString) ?? contentType ?? guessType(document);
  if (mediaType === mediaTypes.dockerSchema1 || mediaType === mediaTypes.dockerSignedSchema1 || document['fsLayers'] !== undefined) throw fail('image.schema1_manifest');
  if (mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifestList) {
    const manifests = optional(document['manifests'], 'index.manifests', asArray) ?? [];
    return { kind: 'index', mediaType, manifests: manifests.map((entry, index) => readDescriptor(entry, `index.manifests[${index}]`)) };
  }
  if (mediaType !== mediaTypes.ociManifest && mediaType !== mediaTypes.dockerManifest) throw fail('image.unsupported_manifest');
  return {
    kind: 'manifest',
    mediaType,
    config: readDescriptor(document['config'], 'manifest.config'),
    layers: (optional(document['layers'], 'manifest.layers', asArray) ?? []).map((entry, index) => readDescriptor(entry, `manifest.layers[${index}]`)),
  };
}

function guessType(document: JsonObject): string {
  if (document['config'] !== undefined || document['layers'] !== undefined) return mediaTypes.ociManifest;
  return mediaTypes.ociIndex;
}

function readDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what);
  const digest = asString(object['digest'], `${what}.digest`);
  const fault = digestFault(digest);
  if (fault !== undefined) throw fail('image.invalid_document', { what: `${what}.digest`, reason: fault });
  const annotations = optional(object['annotations'], `${what}.annotations`, asStringMap);
  const platform = optional(object['platform'], `${what}.platform`, readPlatform);
  return {
    mediaType: optional(object['mediaType'], `${what}.mediaType`, asString) ?? '',
    digest,
    size: asCount(object['size'], `${what}.size`),
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform }),
  };
}

function readPlatform(value: unknown, what: string): Platform {
  const object = asObject(value, what);
  const text = (name: string): string | undefined => optional(object[name], `${what}.${name}`, asString);
  const [variant, osVersion] = [text('variant'), text('os.version')];
  const osFeatures = optional(object['os.features'], `${what}.os.features`, asStrings);
  return {
    os: text('os') ?? '',
    architecture: text('architecture') ?? '',
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
    ...(osFeatures === undefined ? {} : { osFeatures }),
  };
}
