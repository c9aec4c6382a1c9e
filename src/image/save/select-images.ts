/** Which images, under which names, a list of references asks to save. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { canonicalText, familiarName, isNameOnly, parseAnyReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';
import type { ImageCatalog } from '../image-catalog.ts';
import { idsBeginningWith } from '../resolve-image.ts';

/** @returns ids in the order asked for, with their tags. @throws image.not_found, image.no_configuration, image.reference_not_found, image.unreadable_reference, image.ambiguous_prefix */
export function selectImages(catalog: ImageCatalog, references: readonly string[]): Map<string, ImageReference[]> {
  const selected = new Map<string, ImageReference[]>();
  const select = (id: string, name?: ImageReference): void => {
    const names = selected.get(id) ?? [];
    selected.set(id, names);
    if (name === undefined || name.digest !== undefined) return;
    const full = withDefaultTag(name);
    if (!names.some((known) => canonicalText(known) === canonicalText(full))) names.push(full);
  };
  for (const reference of references) {
    const parsed = parse(reference);
    if (parsed.kind === 'digest') {
      if (!catalog.has(parsed.digest)) throw fail('image.no_configuration', { digest: parsed.digest, path: catalog.configurationPath(parsed.digest) });
      select(parsed.digest);
    } else if (familiarName(parsed.name) === 'sha256') {
      select(search(catalog, reference));
    } else if (isNameOnly(parsed.name)) {
      // A bare name stands for all tags of the repository.
      const all = catalog.repositoryNames(parsed.name);
      for (const { name, id } of all) select(id, name);
      if (all.length === 0) select(search(catalog, reference));
    } else {
      const id = catalog.lookup(parsed.name);
      if (id === undefined) throw fail('image.reference_not_found', { reference });
      select(id, parsed.name);
    }
  }
  return selected;
}

function parse(reference: string): ReturnType<typeof parseAnyReference> {
  try {
    return parseAnyReference(reference);
  } catch (error) {
    if (!isFailure(error, 'image.invalid_reference')) throw error;
    throw fail('image.unreadable_reference', { message: error.message }, error);
  }
}

function search(catalog: ImageCatalog, reference: string): string {
  const [only, ...others] = idsBeginningWith(catalog, reference);
  if (only === undefined) throw fail('image.not_found', { reference });
  if (others.length > 0) throw fail('image.ambiguous_prefix');
  return only;
}
