/** Errors of the kernel domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const kernelErrors = {
  'kernel.syscall_failed': { kind: 'system', text: (d) => `${d['syscall']}${d['path'] === undefined ? '' : ` ${d['path']}`}: ${d['reason']}` },
  'kernel.copy_failed': { kind: 'system', text: (d) => `copying ${d['source']} of the image to ${d['destination']} failed: ${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
