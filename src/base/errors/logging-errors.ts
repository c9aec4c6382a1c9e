/** Errors of the logging domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const loggingErrors = {
  /** A driver refuses an option or cannot reach its server; whoever asked puts it in its own words. */
  'logging.driver_refused': { kind: 'invalid', text: (d) => `${d['message']}` },
} as const satisfies Record<string, ErrorRow>;
