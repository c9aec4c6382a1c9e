/** `manifest.json` of a docker-archive: the images in it with the names of their files. Read as Go reads it, and refused in its words. */
import { fail } from '#base/errors/failure.ts';
import { int64, list, record, struct, table, text, unlessEmpty, whenGiven, type Shape } from '#base/json-shape.ts';
import { readGoJson } from '#base/read-go-json.ts';

/** One image of an archive, wherever it was described. */
export interface ArchivedImage {
  /** Name of the configuration file in the archive. */
  readonly config: string;
  /** The digest the configuration must have, where one was told. */
  readonly configDigest?: string;
  readonly names: readonly string[];
  /** Bottom first; `digest` is of the file as it lies in the archive, where one was told. */
  readonly layers: readonly { readonly name: string; readonly digest?: string }[];
  /** Id of the image this one was made from. */
  readonly parent?: string;
}

const descriptor = table('distribution.Descriptor', {
  mediaType: unlessEmpty(text()),
  size: unlessEmpty(int64()),
  digest: unlessEmpty(text('digest.Digest')),
  urls: unlessEmpty(list(text())),
  annotations: unlessEmpty(record(text())),
  platform: whenGiven(
    table('v1.Platform', {
      architecture: text(),
      os: text(),
      'os.version': unlessEmpty(text()),
      'os.features': unlessEmpty(list(text())),
      variant: unlessEmpty(text()),
    }),
  ),
});

interface Item {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[] | null;
  Parent?: string;
  LayerSources?: Record<string, Record<string, unknown>>;
}

const items = list(
  struct<Item>('tarexport.manifestItem', {
    Config: text(),
    RepoTags: list(text()),
    Layers: list(text()),
    Parent: unlessEmpty(text('image.ID')),
    LayerSources: unlessEmpty(record(descriptor, 'map[layer.DiffID]distribution.Descriptor')),
  }),
);

/** @throws image.invalid_archive */
export function parseArchiveManifest(source: string): ArchivedImage[] {
  const read = readArchived(items, source, '');
  if (read === null) throw fail('image.invalid_archive', { message: 'invalid manifest, manifest cannot be null (but can be [])' });
  return read.map(({ Config, RepoTags, Layers, Parent }) => ({
    config: Config,
    names: RepoTags ?? [],
    layers: (Layers ?? []).map((name) => ({ name })),
    ...(Parent === undefined ? {} : { parent: Parent }),
  }));
}

/** Reads the first document of a text by a shape, as a decoder of Go's does. @throws image.invalid_archive */
export function readArchived<T>(shape: Shape<T>, source: string, structName: string): T {
  return readGoJson(shape, source, { structName, reader: 'decoder', code: 'image.invalid_archive' });
}
