/** The name a tag or an import gives: repository and tag as the API has them apart. */
import { fail } from '#base/errors/failure.ts';
import { familiarName, parseReference, withDefaultTag, withTag, type ImageReference } from '#oci/reference.ts';

/** @throws image.invalid_reference with Docker's text */
export function targetName(repository: string, tag: string | undefined): ImageReference {
  const name = parseReference(repository);
  if (name.digest !== undefined) throw fail('image.invalid_reference', { message: 'cannot import digest reference' });
  const target = tag === undefined || tag === '' ? withDefaultTag(name) : withTag(name, tag);
  if (familiarName(target) === 'sha256') throw fail('image.invalid_reference', { message: 'refusing to create an ambiguous tag using digest algorithm as name' });
  return target;
}
