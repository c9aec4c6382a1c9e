/** What `list`, `inspect` and `history` say of images, in Docker's JSON (Engine API 1.51). */
import { fail } from '#base/errors/failure.ts';
import { formatTimestamp, parseTimestamp, zeroTimestamp } from '#base/timestamp.ts';
import { asObject, parseJson } from '#oci/json-value.ts';
import type { ImageReference } from '#oci/reference.ts';
import { familiarText } from '#oci/reference.ts';
import type { GraphDriverData } from '#schema/container-config.ts';
import type { HistoryEntry, ImageInspect, ImageRuntimeConfig, ImageSummary } from '#schema/image-views.ts';
import type { CatalogImage, ImageCatalog } from './image-catalog.ts';
import type { LayerStore } from './layer/contract.ts';

/** Familiar texts of names: those with a tag, and those with a digest. */
export function splitNames(names: readonly ImageReference[]): { tags: string[]; digests: string[] } {
  return {
    tags: names.filter((name) => name.digest === undefined).map(familiarText),
    digests: names.filter((name) => name.digest !== undefined).map(familiarText),
  };
}

/** Bytes of all layers of an image. */
export function imageSize(image: CatalogImage, layers: LayerStore): number {
  return image.chain.reduce((sum, chainId) => sum + (layers.get(chainId)?.size ?? 0), 0);
}

export function summariseImage(image: CatalogImage, options: { names: readonly ImageReference[]; layers: LayerStore; containers: number }): ImageSummary {
  const { tags, digests } = splitNames(options.names);
  return {
    Containers: options.containers,
    Created: seconds(image.configuration.created),
    Id: image.id,
    Labels: image.configuration.config?.Labels ?? null,
    ParentId: image.parent ?? '',
    RepoDigests: digests,
    RepoTags: tags,
    SharedSize: -1,
    Size: imageSize(image, options.layers),
  };
}

export function inspectImage(image: CatalogImage, options: { names: readonly ImageReference[]; layers: LayerStore; graphDriver: GraphDriverData }): ImageInspect {
  const { configuration } = image;
  const { tags, digests } = splitNames(options.names);
  return {
    Id: image.id,
    RepoTags: tags,
    RepoDigests: digests,
    Parent: image.parent ?? '',
    Comment: configuration.comment !== '' ? configuration.comment : (configuration.history.at(-1)?.comment ?? ''),
    ...(configuration.created === undefined ? {} : { Created: asGoPrints(configuration.created) }),
    DockerVersion: configuration.dockerVersion,
    Author: configuration.author,
    Architecture: configuration.architecture,
    ...(configuration.variant === '' ? {} : { Variant: configuration.variant }),
    Os: configuration.os === '' ? 'linux' : configuration.os,
    ...(configuration.osVersion === '' ? {} : { OsVersion: configuration.osVersion }),
    Size: imageSize(image, options.layers),
    GraphDriver: options.graphDriver,
    RootFS: { ...(configuration.rootfsType === '' ? {} : { Type: configuration.rootfsType }), ...(configuration.diffIds.length === 0 ? {} : { Layers: [...configuration.diffIds] }) },
    Metadata: { LastTagTime: image.lastTagTime ?? zeroTimestamp },
    Config: inspectConfig(configuration.config),
  };
}

/** What a configuration file tells of the container its image was made in. */
export function originOf(file: Buffer): Pick<ImageInspect, 'Container' | 'ContainerConfig'> {
  const { container, container_config: config } = asObject(parseJson(file.toString('utf8'), 'image configuration'), 'image configuration');
  return {
    ...(typeof container === 'string' && container !== '' ? { Container: container } : {}),
    ...(typeof config === 'object' && config !== null ? { ContainerConfig: { ...config } } : {}),
  };
}

/** Newest step first. @throws image.too_many_history_layers */
export function imageHistory(image: CatalogImage, catalog: ImageCatalog, layers: LayerStore): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  let height = 0;
  for (const step of image.configuration.history) {
    let size = 0;
    if (!step.emptyLayer) {
      const chainId = image.chain[height++];
      if (chainId === undefined) throw fail('image.too_many_history_layers');
      size = layers.get(chainId)?.size ?? 0;
    }
    entries.unshift({ Comment: step.comment, Created: seconds(step.created), CreatedBy: step.createdBy, Id: '<missing>', Size: size, Tags: null });
  }
  let maker: string | undefined = image.id;
  for (const entry of entries) {
    if (maker === undefined || !catalog.has(maker)) break;
    const { tags } = splitNames(catalog.names(maker));
    entry.Id = maker;
    entry.Tags = tags.length === 0 ? null : tags;
    maker = catalog.get(maker).parent;
  }
  return entries;
}

/** Fields in the order Docker prints them: by name. Lists and maps without anything in them are none. */
function inspectConfig(config: ImageRuntimeConfig = {}): ImageRuntimeConfig {
  const filled = Object.entries(config).filter(([name, value]) => name === 'Healthcheck' || typeof value !== 'object' || value === null || Object.keys(value).length > 0);
  const full: ImageRuntimeConfig = { Cmd: null, Entrypoint: null, Env: null, Labels: null, OnBuild: null, User: '', Volumes: null, WorkingDir: '', ...Object.fromEntries(filled) };
  return Object.fromEntries(Object.entries(full).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Seconds since 1970; 0 for an unknown moment, as Docker's JSON has it. */
function seconds(moment: string | undefined): number {
  const nanoseconds = moment === undefined ? undefined : parseTimestamp(moment);
  return nanoseconds === undefined ? 0 : Number(nanoseconds / 1_000_000_000n);
}

function asGoPrints(moment: string): string {
  const nanoseconds = parseTimestamp(moment);
  // A time with another zone than UTC is printed in its own.
  return nanoseconds === undefined || !moment.endsWith('Z') ? moment : formatTimestamp(nanoseconds);
}
