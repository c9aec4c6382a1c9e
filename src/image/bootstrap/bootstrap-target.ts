/** Which images can be made from the distribution's packages. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { defaultDomain, defaultTag, familiarText, parseReference, withDefaultTag, type ImageReference } from '#oci/reference.ts';

export type BootstrapTarget = { readonly kind: 'busybox'; readonly name: ImageReference } | { readonly kind: 'debian'; readonly suite: string; readonly name: ImageReference };

/** Tags of `debian`; `latest` is the stable release. */
const suites: Readonly<Record<string, string>> = { latest: 'trixie', bookworm: 'bookworm', trixie: 'trixie', sid: 'sid' };

export const bootstrappable = 'busybox, debian:bookworm, debian:trixie, debian:sid';

/** @throws image.bootstrap_unknown, image.invalid_reference */
export function bootstrapTarget(text: string): BootstrapTarget {
  const target = targetOf(parseReference(text));
  if (target === undefined) throw fail('image.bootstrap_unknown', { name: text, known: bootstrappable });
  return target;
}

/** The name to bootstrap by instead of pulling; undefined when the image cannot be made so. */
export function bootstrapNameOf(reference: string): string | undefined {
  try {
    const target = targetOf(parseReference(reference));
    return target === undefined ? undefined : familiarText(target.name).replace(/:latest$/, '');
  } catch (error) {
    if (isFailure(error, 'image.invalid_reference')) return undefined;
    throw error;
  }
}

function targetOf(reference: ImageReference): BootstrapTarget | undefined {
  if (reference.domain !== defaultDomain || reference.digest !== undefined) return undefined;
  const name = withDefaultTag(reference);
  if (name.path === 'library/busybox') return name.tag === defaultTag ? { kind: 'busybox', name } : undefined;
  const suite = name.path === 'library/debian' && Object.hasOwn(suites, name.tag ?? '') ? suites[name.tag ?? ''] : undefined;
  return suite === undefined ? undefined : { kind: 'debian', suite, name };
}
