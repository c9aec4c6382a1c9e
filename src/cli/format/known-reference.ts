/** References that daemons name in lists: not all of them are ones a user could write. */
import { parseImageReference, type ImageReference } from '#cli/image-reference.ts';

/** The parts of a reference; undefined if it is none. */
export function knownReference(text: string): ImageReference | undefined {
  try {
    return parseImageReference(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}
