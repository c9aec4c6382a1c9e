/** `GET /images/json`: which images, filtered and newest first. */
import { familiarText } from '#oci/reference.ts';
import { matchesReference } from '#oci/path-pattern.ts';
import type { ImageSummary } from '#schema/image-views.ts';
import type { ImageFilters, ImageUser } from './contract.ts';
import { summariseImage } from './describe-image.ts';
import type { CatalogImage, ImageCatalog } from './image-catalog.ts';
import { booleanFilter, checkFilterNames, createdAt, labelsOf, matchesLabels, momentFilter } from './image-filters.ts';
import type { ImageParts } from './image-parts.ts';
import { indexMembers } from './index-members.ts';
import type { LayerStore } from './layer/contract.ts';
import { resolveImage } from './resolve-image.ts';

export interface ListOptions {
  readonly all: boolean;
  readonly filters: ImageFilters;
  readonly sharedSize: boolean;
  readonly users?: ((imageId: string) => ImageUser[]) | undefined;
}

const acceptedFilters = ['dangling', 'label', 'before', 'since', 'reference', 'until'];

/** @throws image.invalid_filter, image.not_found (`before`, `since`), image.invalid_pattern */
export function listImages({ catalog, layers, manifests }: Pick<ImageParts, 'catalog' | 'layers' | 'manifests'>, options: ListOptions): ImageSummary[] {
  const { filters } = options;
  checkFilterNames(filters, acceptedFilters);
  const danglingOnly = booleanFilter(filters, 'dangling', false);
  const inRange = timeRange(catalog, filters);
  const members = indexMembers(catalog, manifests);
  const entries: { image: CatalogImage; summary: ImageSummary; created: bigint }[] = [];
  for (const image of catalog.all()) {
    if (members.has(image.id)) continue;
    if (danglingOnly && catalog.children(image.id).length > 0) continue;
    if (!inRange(image) || !matchesLabels(filters['label'], labelsOf(image))) continue;
    const names = catalog.names(image.id).filter((name) => filters['reference']?.some((pattern) => matchesReference(pattern, name)) ?? true);
    if (names.length === 0) {
      if (!options.all && catalog.children(image.id).length > 0) continue;
      if ((filters['dangling'] !== undefined && !danglingOnly) || filters['reference'] !== undefined) continue;
    } else if (danglingOnly && names.some((name) => name.digest === undefined)) continue;
    const containers = options.users === undefined ? -1 : options.users(image.id).length;
    entries.push({ image, summary: summariseImage(image, { names, layers, containers }), created: createdAt(image) ?? 0n });
  }
  if (options.sharedSize) addSharedSizes(catalog, layers, entries);
  // Docker orders by whole seconds; within a second the newer first, then by name, so that lists are stable.
  entries.sort((a, b) => Number(b.created - a.created) || (familiarOf(catalog, a.image) < familiarOf(catalog, b.image) ? -1 : 1));
  return entries.map((entry) => entry.summary);
}

function familiarOf(catalog: ImageCatalog, image: CatalogImage): string {
  const [first] = catalog.names(image.id);
  return first === undefined ? image.id : familiarText(first);
}

/** Several values of one filter must all hold. */
function timeRange(catalog: ImageCatalog, filters: ImageFilters): (image: CatalogImage) => boolean {
  const createdOf = (reference: string): bigint | undefined => createdAt(catalog.get(resolveImage(catalog, reference)));
  const before = [...(filters['before'] ?? []).map(createdOf), ...(filters['until'] ?? []).map(momentFilter)].filter((moment) => moment !== undefined);
  const since = (filters['since'] ?? []).map(createdOf).filter((moment) => moment !== undefined);
  if (before.length === 0 && since.length === 0) return () => true;
  return (image) => {
    const created = createdAt(image);
    return created !== undefined && before.every((moment) => created < moment) && since.every((moment) => created > moment);
  };
}

function addSharedSizes(catalog: ImageCatalog, layers: LayerStore, entries: readonly { image: CatalogImage; summary: ImageSummary }[]): void {
  const users = new Map<string, number>();
  for (const image of catalog.all()) for (const chainId of image.chain) users.set(chainId, (users.get(chainId) ?? 0) + 1);
  for (const { image, summary } of entries) {
    summary.SharedSize = image.chain.filter((chainId) => (users.get(chainId) ?? 0) > 1).reduce((sum, chainId) => sum + (layers.get(chainId)?.size ?? 0), 0);
  }
}
