/** Errors of templates: the texts are those of Go's text/template, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const templateErrors = {
  'template.syntax': { kind: 'invalid', text: (d) => `${d['message']}` },
  'template.execution': { kind: 'invalid', text: (d) => `${d['message']}` },
} as const satisfies Record<string, ErrorRow>;
