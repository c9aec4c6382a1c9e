/** Errors of the store domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const storeErrors = {
  'store.damaged': { kind: 'system', text: (d) => `state database ${d['path']} cannot be read: ${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
