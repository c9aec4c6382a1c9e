/** What a registry said of an image, or that none could be reached, in Docker's words. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { canonicalName, familiarName, familiarText, type ImageReference } from '#oci/reference.ts';
import { ofItsKind } from '#registry/registry-error.ts';
import { bootstrapNameOf } from '../bootstrap/bootstrap-target.ts';

/** The error to show for `error`; another kind comes back as it is. */
export function translatePullError(error: unknown, reference: ImageReference): unknown {
  if (isFailure(error, 'registry.unreachable')) {
    const bootstrap = bootstrapNameOf(`${canonicalName(reference)}${reference.tag === undefined ? '' : `:${reference.tag}`}`);
    return fail('image.registry_unreachable', { message: error.message, ...(bootstrap === undefined ? {} : { bootstrap }) }, error);
  }
  if (!isFailure(error, 'registry.refused') || error.details['detailed'] !== true) return ofItsKind(error);
  const said = String(error.details['first']);
  const name = familiarName(reference);
  switch (error.details['fault']) {
    case 'DENIED':
      return fail('image.pull_not_found', { message: `pull access denied for ${name}, repository does not exist or may require 'docker login': ${said}` }, error);
    case 'MANIFEST_UNKNOWN':
      return fail('image.pull_not_found', { message: `manifest for ${familiarText(reference)} not found: ${said}` }, error);
    case 'NAME_UNKNOWN':
      return fail('image.pull_not_found', { message: `repository ${name} not found: ${said}` }, error);
    default:
      return ofItsKind(error);
  }
}
