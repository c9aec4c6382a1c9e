/** Errors of talking to registries. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const registryErrors = {
  'registry.unreachable': { kind: 'system', text: (d) => `${d['message']}` },
  'registry.refused': { kind: 'system', text: (d) => `${d['message']}` },
  'registry.unauthorized': { kind: 'system', text: (d) => `${d['message']}` },
  'registry.invalid_parameter': { kind: 'invalid', text: (d) => `${d['message']}` },
  'registry.unreadable_login': { kind: 'system', text: (d) => `${d['message']}` },
  'registry.login_refused': { kind: 'unauthorized', text: (d) => `${d['message']}` },
  'registry.not_found': { kind: 'notFound', text: (d) => `${d['message']}` },
  'registry.denied': { kind: 'forbidden', text: (d) => `${d['message']}` },
  'registry.unexpected_answer': { kind: 'system', text: (d) => `${d['message']}` },
  'registry.blob_unknown': { kind: 'system', text: () => 'unknown blob' },
  'registry.verification_failed': { kind: 'system', text: (d) => `${d['what']} verification failed for digest ${d['digest']}` },
  'registry.answer_too_large': { kind: 'system', text: (d) => `${d['what']} is larger than ${d['limit']} bytes, the most that is read` },
} as const satisfies Record<string, ErrorRow>;
