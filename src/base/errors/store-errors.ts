/** Errors of the store domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const storeErrors = {
  'store.damaged': { kind: 'system', text: (d) => `state database ${d['path']} cannot be read: ${d['reason']}; put back a copy of it, or move the data root away to begin with nothing` },
  'store.write_failed': { kind: 'system', text: (d) => `could not write to state database ${d['path']}: ${d['reason']}` },
  'store.lost': { kind: 'system', text: (d) => `state database ${d['path']} is missing or empty, but ${d['directory']} holds containers: put back a copy of it, or move the data root away to begin with nothing` },
} as const satisfies Record<string, ErrorRow>;
