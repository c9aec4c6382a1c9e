/** Errors of the image domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const imageErrors = {
  'image.not_found': { kind: 'notFound', text: (d) => `No such image: ${d['reference']}` },
  'image.invalid_reference': { kind: 'invalid', text: () => 'invalid reference format' },
} as const satisfies Record<string, ErrorRow>;
