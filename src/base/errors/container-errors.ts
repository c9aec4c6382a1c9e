/** Errors of the container domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const containerErrors = {
  'container.not_found': { kind: 'notFound', text: (d) => `No such container: ${d['reference']}` },
  'container.not_running': { kind: 'conflict', text: (d) => `container ${d['id']} is not running` },
} as const satisfies Record<string, ErrorRow>;
