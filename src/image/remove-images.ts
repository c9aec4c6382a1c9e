/**
 * Removing and pruning images by Docker's rules: a name is untagged; the last name takes the image with
 * it; hard conflicts (child images, running containers) cannot be forced, soft ones (other names, stopped
 * containers) can.
 */
import { fail, isFailure, type EngineError } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { encodedPart } from '#oci/digest.ts';
import { canonicalName, canonicalText, familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { ImageDeleteEntry } from '#schema/image-views.ts';
import type { ImageFilters, ImageUser } from './contract.ts';
import type { ImageCatalog } from './image-catalog.ts';
import { booleanFilter, checkFilterNames, createdAt, labelsOf, matchesLabels, momentFilter } from './image-filters.ts';
import { isIdentifier, resolveImage } from './resolve-image.ts';

type Users = (imageId: string) => ImageUser[];

export interface RemovalParts {
  readonly catalog: ImageCatalog;
  /** Ids of the images that are named by an index alone. */
  readonly members: () => Set<string>;
  /** Takes the image out of the catalog; answers the layers that go with it, topmost first. */
  readonly discard: (id: string, used: boolean) => string[];
  /** `untag` or `delete` */
  readonly report: (action: string, id: string) => void;
}

interface Conflict {
  readonly hard: boolean;
  readonly used: boolean;
  readonly reason: string;
}

interface RemovalOptions {
  readonly force: boolean;
  readonly prune: boolean;
  readonly users: Users;
}

/** @throws image.not_found, image.in_use, image.reference_in_use */
export function removeImage(parts: RemovalParts, reference: string, options: RemovalOptions): ImageDeleteEntry[] {
  const before = parts.members();
  const entries = removeNamed(parts, reference, options);
  if (before.size === 0) return entries;
  const still = parts.members();
  for (const id of before) {
    if (still.has(id) || !parts.catalog.has(id) || parts.catalog.names(id).length > 0) continue;
    deleteImage(parts, id, { ...options, quiet: true, entries });
  }
  return entries;
}

function removeNamed(parts: RemovalParts, reference: string, options: RemovalOptions): ImageDeleteEntry[] {
  const { catalog } = parts;
  const id = resolveImage(catalog, reference);
  const entries: ImageDeleteEntry[] = [];
  const untag = (name: ImageReference, quietly = false): void => {
    catalog.removeName(name);
    if (!quietly) parts.report('untag', id);
    entries.push({ Untagged: familiarText(withDefaultTag(name)) });
  };
  const byName = !isIdentifier(id, reference);
  if (byName) {
    const user = options.force || !inOneRepository(catalog.names(id)) ? undefined : options.users(id)[0];
    if (user !== undefined) throw fail('image.reference_in_use', { reference, containerId: shortIdentifier(user.containerId), id: shortIdentifier(id) });
    const name = parseReference(reference);
    untag(name);
    if (name.digest === undefined) {
      // The digests of a repository go with its last tag.
      const ofRepository = catalog.names(id).filter((other) => canonicalName(other) === canonicalName(name));
      if (ofRepository.every((other) => other.digest !== undefined)) for (const other of ofRepository) untag(other, true);
    }
    if (catalog.names(id).length > 0) return entries;
  } else if (inOneRepository(catalog.names(id))) {
    const conflict = findConflict(parts, id, { users: options.users, names: false, stopped: !options.force });
    if (conflict !== undefined) throw inUse(id, conflict);
    for (const name of catalog.names(id)) untag(name);
  }
  deleteImage(parts, id, { ...options, quiet: byName, entries });
  return entries;
}

function deleteImage(parts: RemovalParts, id: string, options: RemovalOptions & { readonly quiet: boolean; readonly entries: ImageDeleteEntry[] }): void {
  const { catalog } = parts;
  const conflict = findConflict(parts, id, { users: options.users, names: !options.force, stopped: !options.force });
  if (conflict !== undefined) {
    const dangling = catalog.names(id).length === 0 && catalog.children(id).length === 0;
    if (options.quiet && (!dangling || conflict.used)) return;
    throw inUse(id, conflict);
  }
  const parent = catalog.get(id).parent;
  for (const name of catalog.names(id)) {
    catalog.removeName(name);
    parts.report('untag', id);
    options.entries.push({ Untagged: familiarText(name) });
  }
  const gone = parts.discard(id, options.users(id).length > 0);
  parts.report('delete', id);
  options.entries.push({ Deleted: id }, ...gone.map((chainId) => ({ Deleted: chainId })));
  if (options.prune && parent !== undefined && catalog.has(parent)) deleteImage(parts, parent, { ...options, force: false, quiet: true });
}

function findConflict(parts: RemovalParts, id: string, check: { users: Users; names: boolean; stopped: boolean }): Conflict | undefined {
  const { catalog } = parts;
  if (catalog.children(id).length > 0) return { hard: true, used: false, reason: 'image has dependent child images' };
  const users = check.users(id);
  const running = users.find((user) => user.running);
  if (running !== undefined) return { hard: true, used: true, reason: `image is being used by running container ${shortIdentifier(running.containerId)}` };
  if (check.names && catalog.names(id).length > 0) return { hard: false, used: false, reason: 'image is referenced in multiple repositories' };
  const stopped = check.stopped ? users.find((user) => !user.running) : undefined;
  return stopped === undefined ? undefined : { hard: false, used: true, reason: `image is being used by stopped container ${shortIdentifier(stopped.containerId)}` };
}

function inUse(id: string, conflict: Conflict): EngineError {
  return fail('image.in_use', { id: shortIdentifier(id), hard: conflict.hard, reason: conflict.reason });
}

/** Whether there are names, all of one repository, with at most one tag among them. */
function inOneRepository(names: readonly ImageReference[]): boolean {
  if (names.length <= 1) return names.length === 1;
  const tags = names.filter((name) => name.digest === undefined);
  const digestRepositories = new Set(names.filter((name) => name.digest !== undefined).map(canonicalName));
  if (tags.length > 1 || digestRepositories.size !== 1) return false;
  const [tag] = tags;
  return tag === undefined || digestRepositories.has(canonicalName(tag));
}

const acceptedPruneFilters = ['dangling', 'label', 'label!', 'until'];

/** Removes unused images: dangling ones, or with `dangling=false` all that no container uses. */
export function pruneImages(parts: RemovalParts, options: { filters: ImageFilters; users: Users }): ImageDeleteEntry[] {
  const { catalog } = parts;
  const { filters } = options;
  checkFilterNames(filters, acceptedPruneFilters);
  const danglingOnly = booleanFilter(filters, 'dangling', true);
  const untils = filters['until'] ?? [];
  if (untils.length > 1) throw fail('image.several_until');
  const [until] = untils.map(momentFilter);
  const members = parts.members();
  const candidates = catalog.all().filter((image) => {
    if (members.has(image.id)) return false;
    if (catalog.children(image.id).length > 0 && (danglingOnly || catalog.names(image.id).length === 0)) return false;
    const created = createdAt(image);
    if (until !== undefined && (created === undefined || created > until)) return false;
    if (!matchesLabels(filters['label'], labelsOf(image))) return false;
    const unwanted = filters['label!'];
    return unwanted === undefined || unwanted.length === 0 || Object.keys(labelsOf(image)).length === 0 || !matchesLabels(unwanted, labelsOf(image));
  });
  const entries: ImageDeleteEntry[] = [];
  const remove = (reference: string): void => {
    try {
      entries.push(...removeImage(parts, reference, { force: false, prune: true, users: options.users }));
    } catch (error) {
      // What is in use stays; what went with an earlier one is gone.
      if (!isFailure(error, 'image.in_use') && !isFailure(error, 'image.reference_in_use') && !isFailure(error, 'image.not_found')) throw error;
    }
  };
  for (const { id } of candidates) {
    if (!catalog.has(id)) continue;
    const names = catalog.names(id);
    if (names.length === 0) remove(encodedPart(id));
    else if (!danglingOnly || names.every((name) => name.digest !== undefined)) for (const name of names) remove(canonicalText(name));
  }
  return entries;
}
