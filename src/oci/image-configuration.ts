/**
 * The configuration file of an image: its id is the sha256 of these bytes, so they are kept as they came
 * (OCI image-spec config; Docker image spec 1.2 adds fields). Read as Docker reads its `image.Image`, and refused in its
 * words. Unknown fields are passed over.
 */
import { fail } from '#base/errors/failure.ts';
import { flag, int64, list, moment, pointer, struct, text, unlessEmpty, whenGiven, type Shape } from '#base/json-shape.ts';
import { readGoJson } from '#base/read-go-json.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import type { Platform } from './platform.ts';
import { runtimeConfig } from './runtime-config.ts';

/** One step in the making of an image. */
export interface HistoryRecord {
  /** RFC 3339. */
  readonly created?: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly author: string;
  /** The step made no layer. */
  readonly emptyLayer: boolean;
}

export interface ImageConfiguration {
  /** RFC 3339. */
  readonly created?: string;
  readonly author: string;
  readonly comment: string;
  readonly dockerVersion: string;
  readonly os: string;
  readonly osVersion: string;
  readonly architecture: string;
  readonly variant: string;
  /** Undefined where the file has no `config`. */
  readonly config: ImageRuntimeConfig | undefined;
  readonly rootfsType: string;
  /** Bottom first. */
  readonly diffIds: readonly string[];
  readonly history: readonly HistoryRecord[];
}

interface HistoryFields {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

const history = struct<HistoryFields>('v1.History', {
  created: whenGiven(moment),
  created_by: unlessEmpty(text()),
  author: unlessEmpty(text()),
  comment: unlessEmpty(text()),
  empty_layer: unlessEmpty(flag),
});

interface RootFields {
  type: string;
  diff_ids: string[] | null;
}

const root = struct<RootFields>('image.RootFS', { type: text(), diff_ids: list(text('layer.DiffID')) });

interface ImageFields {
  author: string;
  comment: string;
  docker_version: string;
  os: string;
  'os.version': string;
  architecture: string;
  variant: string;
  created?: string;
  config?: ImageRuntimeConfig;
  rootfs: RootFields | null;
  history: HistoryFields[] | null;
  id?: string;
  parent?: string;
  container?: string;
  container_config?: ImageRuntimeConfig;
  'os.features'?: string[];
  Size?: number;
}

const image = struct<ImageFields>('image.Image', {
  author: text(),
  comment: text(),
  docker_version: text(),
  os: text(),
  'os.version': text(),
  architecture: text(),
  variant: text(),
  created: whenGiven(moment),
  config: whenGiven(runtimeConfig),
  rootfs: pointer(root),
  history: list(history),
  id: whenGiven(text()),
  parent: whenGiven(text('image.ID')),
  container: whenGiven(text()),
  container_config: whenGiven(runtimeConfig),
  'os.features': unlessEmpty(list(text())),
  Size: whenGiven(int64()),
});

/** Largest configuration file that is read. */
export const largestConfiguration = 8 * 1024 * 1024;

/** @throws image.invalid_configuration, image.no_rootfs */
export function parseImageConfiguration(source: string): ImageConfiguration {
  const read = readConfiguration(image, source, 'Image');
  const { author, comment, os, architecture, variant, created, rootfs } = read;
  if (rootfs === null) throw fail('image.no_rootfs');
  return {
    ...(created === undefined ? {} : { created }),
    author,
    comment,
    dockerVersion: read.docker_version,
    os,
    osVersion: read['os.version'],
    architecture,
    variant,
    config: read.config,
    rootfsType: rootfs.type,
    diffIds: rootfs.diff_ids ?? [],
    history: (read.history ?? []).map((step) => ({
      ...(step.created === undefined ? {} : { created: step.created }),
      createdBy: step.created_by ?? '',
      comment: step.comment ?? '',
      author: step.author ?? '',
      emptyLayer: step.empty_layer ?? false,
    })),
  };
}

/** Reads a text by a shape, as Go's `json.Unmarshal` does. @throws image.invalid_configuration */
export function readConfiguration<T>(shape: Shape<T>, source: string, structName: string): T {
  return readGoJson(shape, source, { structName, reader: 'unmarshal', code: 'image.invalid_configuration' });
}

/** @throws image.too_many_history_layers when steps made more layers than there are */
export function checkHistory({ history, diffIds }: ImageConfiguration): void {
  if (history.filter((step) => !step.emptyLayer).length > diffIds.length) throw fail('image.too_many_history_layers');
}

/** The platform a configuration names; an empty operating system is this one. */
export function platformOf(configuration: ImageConfiguration): Platform {
  const { os, architecture, variant, osVersion } = configuration;
  return { os: os === '' ? 'linux' : os, architecture, ...(variant === '' ? {} : { variant }), ...(osVersion === '' ? {} : { osVersion }) };
}
