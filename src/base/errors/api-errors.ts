/** Errors of the api domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const apiErrors = {
  'api.invalid_parameter': { kind: 'invalid', text: (d) => `${d['message']}` },
  'api.page_not_found': { kind: 'notFound', text: () => 'page not found' },
} as const satisfies Record<string, ErrorRow>;
