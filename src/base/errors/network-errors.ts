/** Errors of the network domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const networkErrors = {
  'network.not_found': { kind: 'notFound', text: (d) => `network ${d['reference']} not found` },
} as const satisfies Record<string, ErrorRow>;
