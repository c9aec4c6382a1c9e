/** Errors of the runtime domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const runtimeErrors = {
  'runtime.start_failed': { kind: 'system', text: (d) => `${d['message']}` },
} as const satisfies Record<string, ErrorRow>;
