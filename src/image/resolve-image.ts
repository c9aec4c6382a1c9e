/** Finds an image by what a user writes: a name, a name with a digest, an id or an unambiguous beginning of one. */
import { fail } from '#base/errors/failure.ts';
import { digestFault, encodedPart } from '#oci/digest.ts';
import { familiarText, parseAnyReference, withDefaultTag } from '#oci/reference.ts';
import type { ImageCatalog } from './image-catalog.ts';

/** @throws image.not_found, image.invalid_reference */
export function resolveImage(catalog: ImageCatalog, reference: string): string {
  const parsed = parseAnyReference(reference);
  if (parsed.kind === 'digest') {
    if (catalog.has(parsed.digest)) return parsed.digest;
    throw fail('image.not_found', { reference: parsed.digest });
  }
  const named = catalog.lookup(parsed.name);
  if (named !== undefined && catalog.has(named)) return named;
  const [only, ...others] = idsBeginningWith(catalog, reference);
  // Docker answers an ambiguous beginning like an unknown name.
  if (only === undefined || others.length > 0) throw fail('image.not_found', { reference: familiarText(withDefaultTag(parsed.name)) });
  return only;
}

/** Ids that begin with `text`, with or without `sha256:`; one that equals it stands alone. */
export function idsBeginningWith(catalog: ImageCatalog, text: string): string[] {
  // As in Docker's digest set: what has no digest's form is the beginning of the hexadecimal part.
  const prefix = digestFault(text) === 'invalid checksum digest format' ? `sha256:${text}` : text;
  return catalog.ids().filter((id) => id.startsWith(prefix) && prefix.length > 'sha256:'.length);
}

/** Whether a reference that resolved to this image is its id or the beginning of it, and no name. */
export function isIdentifier(id: string, reference: string): boolean {
  return id.startsWith(reference) || encodedPart(id).startsWith(reference);
}
