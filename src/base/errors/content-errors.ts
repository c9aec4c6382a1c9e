/** Errors of the store of blobs. */
import type { ErrorRow } from './error-kind.ts';

export const contentErrors = {
  'content.not_found': { kind: 'notFound', text: (d) => `blob ${d['digest']} is not in the content store` },
  'content.digest_mismatch': { kind: 'invalid', text: (d) => `content verification failed: expected ${d['expected']}, got ${d['actual']} (${d['size']} bytes); what was written is dropped` },
  'content.wrong_size': { kind: 'invalid', text: (d) => `blob ${d['digest']} is ${d['actual']} bytes long where ${d['expected']} were promised` },
  'content.too_large': { kind: 'invalid', text: (d) => `blob ${d['digest']} is larger than ${d['limit']} bytes, the most that is read at once` },
  'content.disk_full': { kind: 'system', text: (d) => `write ${d['path']}: no space left on device` },
  'content.writer_left': { kind: 'system', text: (d) => `writing of blob ${d['digest']} ended before it was complete` },
} as const satisfies Record<string, ErrorRow>;
