/** Errors of starting and keeping the registry server; what its clients are told is in `src/registry-server/http/refusal.ts`. */
import type { ErrorRow } from './error-kind.ts';

export const registryServerErrors = {
  'registry_server.invalid_option': { kind: 'invalid', text: (d) => `${d['option']}: ${d['reason']}` },
  'registry_server.unreadable_file': { kind: 'invalid', text: (d) => `${d['what']} ${d['path']} cannot be used: ${d['reason']}` },
  'registry_server.storage_in_use': { kind: 'conflict', text: (d) => `the storage ${d['path']} is in use by another registry server: stop that one, or give this one a folder of its own with --storage` },
  'registry_server.storage_damaged': { kind: 'system', text: (d) => `the storage ${d['path']} cannot be opened: ${d['reason']}` },
  'registry_server.cannot_listen': { kind: 'system', text: (d) => `cannot listen on ${d['address']}: ${d['reason']}` },
  'registry_server.not_running': { kind: 'notFound', text: (d) => `no registry server runs on the storage ${d['path']}` },
} as const satisfies Record<string, ErrorRow>;
