/** Errors of the api domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const apiErrors = {
  'api.prune_running': { kind: 'conflict', text: () => 'a prune operation is already running' },
  'api.invalid_parameter': { kind: 'invalid', text: (d) => `${d['message']}` },
  'api.page_not_found': { kind: 'notFound', text: () => 'page not found' },
  'api.version_too_old': {
    kind: 'invalid',
    text: (d) => `client version ${d['version']} is too old. Minimum supported API version is ${d['minimum']}, please upgrade your client to a newer version`,
  },
  'api.version_too_new': { kind: 'invalid', text: (d) => `client version ${d['version']} is too new. Maximum supported API version is ${d['maximum']}` },
  // Docker answers 500 to these: its handlers pass on the parser's error as it is.
  'api.invalid_number': { kind: 'system', text: (d) => `strconv.${d['parser']}: parsing ${d['quoted']}: ${d['reason']}` },
  'api.invalid_sysctl': { kind: 'system', text: (d) => `${d['message']}` },
  'api.invalid_json': { kind: 'invalid', text: (d) => `invalid JSON: ${d['reason']}` },
  'api.experimental_only': {
    kind: 'notImplemented',
    text: () => 'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.',
  },
  'api.content_after_json': { kind: 'invalid', text: () => 'unexpected content after JSON' },
  'api.body_too_large': { kind: 'invalid', text: (d) => `request body is larger than the ${d['limit']} bytes allowed for a JSON document` },
  'api.malformed_body': { kind: 'invalid', text: (d) => `cannot read the request body: ${d['reason']}` },
  'api.unsupported_content_type': { kind: 'invalid', text: (d) => `unsupported Content-Type header (${d['type']}): must be 'application/json'` },
  'api.malformed_content_type': { kind: 'invalid', text: (d) => `malformed Content-Type header (${d['type']}): mime: ${d['reason']}` },
  'api.invalid_filter': { kind: 'invalid', text: () => 'invalid filter' },
  'api.empty_config': { kind: 'invalid', text: () => 'config cannot be empty in order to create a container' },
  'api.no_exec_command': { kind: 'invalid', text: () => 'No exec command specified' },
  'api.start_with_body': {
    kind: 'invalid',
    text: () => 'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
  },
  'api.reserved_image_name': { kind: 'forbidden', text: (d) => `'${d['name']}' is a reserved name` },
  'api.listen_failed': { kind: 'system', text: (d) => `cannot listen on ${d['address']}: ${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
