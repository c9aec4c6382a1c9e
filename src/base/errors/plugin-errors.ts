/** Errors of plugins that others run beside the engine. Texts are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const pluginErrors = {
  'plugin.not_found': { kind: 'notFound', text: (d) => `plugin ${JSON.stringify(d['name'])} not found` },
  'plugin.not_implemented': {
    kind: 'system',
    text: (d) => `legacy plugin: Plugin does not implement the requested driver: plugin=${JSON.stringify(d['name'])}, requested implementation=${JSON.stringify(d['subsystem'])}`,
  },
  'plugin.specification_invalid': { kind: 'system', text: (d) => `legacy plugin: ${d['reason']}` },
  'plugin.activation_failed': { kind: 'system', text: (d) => `legacy plugin: ${d['reason']}` },
  'plugin.unreachable': { kind: 'system', text: (d) => `Post ${JSON.stringify(d['url'])}: ${d['reason']}` },
  'plugin.refused': { kind: 'system', text: (d) => `${d['method']}: ${d['reason']}` },
  'plugin.driver_error': { kind: 'system', text: (d) => `${d['reason']}` },
  'plugin.answer_invalid': { kind: 'system', text: (d) => `${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
