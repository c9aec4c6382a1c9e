/** Errors of the image domain. Texts Docker clients match on are Docker's, byte for byte. */
import type { ErrorRow } from './error-kind.ts';

export const imageErrors = {
  'image.not_found': { kind: 'notFound', text: (d) => `No such image: ${d['reference']}` },
  'image.reference_not_found': { kind: 'notFound', text: () => 'reference does not exist' },
  'image.invalid_reference': { kind: 'invalid', text: (d) => `${d['message'] ?? 'invalid reference format'}` },
  'image.ambiguous_prefix': { kind: 'system', text: () => 'ambiguous digest string' },
  'image.invalid_filter': { kind: 'invalid', text: (d) => d['name'] === '' ? 'invalid filter' : `invalid filter '${d['name']}${d['values'] === undefined ? '' : `=[${[d['values']].flat().join(' ')}]`}'` },
  'image.invalid_pattern': { kind: 'system', text: () => 'syntax error in pattern' },
  'image.until_invalid': { kind: 'system', text: (d) => String(d['reason']) },
  'image.several_until': { kind: 'system', text: () => 'more than one until filter specified' },
  'image.prune_running': { kind: 'conflict', text: () => 'a prune operation is already running' },
  'image.in_use': { kind: 'conflict', text: (d) => `conflict: unable to delete ${d['id']} (${d['hard'] === true ? 'cannot' : 'must'} be forced) - ${d['reason']}` },
  'image.reference_in_use': {
    kind: 'conflict',
    text: (d) =>
      `conflict: unable to remove repository reference ${JSON.stringify(d['reference'])} (must force) - container ${d['containerId']} is using its referenced image ${d['id']}`,
  },
  'image.platform_mismatch': {
    kind: 'notFound',
    text: (d) => `image with reference ${d['reference']} was found but its platform (${d['offered']}) does not match the specified platform (${d['wanted']})`,
  },
  'image.unreadable_source': { kind: 'notFound', text: (d) => `${d['message']}` },
  'image.no_export_target': { kind: 'system', text: (d) => `no suitable export target found for platform ${d['platform']}` },
  'image.no_configuration': {
    kind: 'notFound',
    text: (d) => `failed to get digest ${d['digest']}: open ${d['path']}: no such file or directory`,
  },
  // Docker's saving passes on what its parser says as an error of its own.
  'image.unreadable_reference': { kind: 'system', text: (d) => `${d['message']}` },
  'image.invalid_address': { kind: 'invalid', text: (d) => `${d['message']}` },
  'image.unreachable_address': { kind: 'system', text: (d) => `${d['message']}` },
  'image.download_refused': { kind: 'system', text: (d) => `${d['message']}` },
  'image.download_not_found': { kind: 'notFound', text: (d) => `${d['message']}` },
  'image.invalid_platform': { kind: 'invalid', text: (d) => `${d['message']}` },
  'image.unsupported_system': {
    kind: 'system',
    text: (d) => `${d['os'] === undefined ? '' : `image operating system ${JSON.stringify(d['os'])} cannot be used on this platform: `}operating system is not supported`,
  },
  'image.invalid_change': { kind: 'invalid', text: (d) => `${d['message']}` },
  'image.invalid_document': { kind: 'invalid', text: (d) => `invalid image data: ${d['what']} ${d['reason']}` },
  'image.invalid_configuration': { kind: 'system', text: (d) => `${d['message']}` },
  'image.document_too_large': { kind: 'invalid', text: (d) => `${d['what']} is larger than ${d['limit']} bytes, the most that is read` },
  'image.no_rootfs': { kind: 'invalid', text: () => 'invalid image JSON, no RootFS key' },
  'image.too_many_history_layers': { kind: 'invalid', text: () => 'too many non-empty layers in History section' },
  'image.schema1_manifest': {
    kind: 'invalid',
    text: (d) =>
      `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed.${
        d['reference'] === undefined ? '' : ` Suggest the author of ${d['reference']} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.`
      } More information at https://docs.docker.com/go/deprecated-image-specs/`,
  },
  'image.unsupported_manifest': { kind: 'invalid', text: () => 'unsupported manifest format' },
  'image.unsupported_media_type': { kind: 'invalid', text: (d) => `unsupported media type ${d['mediaType']}` },
  'image.foreign_manifest': { kind: 'invalid', text: (d) => `Encountered remote ${JSON.stringify(d['mediaType'])}(${d['kind']}) when fetching` },
  'image.invalid_archive': { kind: 'system', text: (d) => `${d['message']}` },
  'image.disk_full': { kind: 'system', text: (d) => `write ${d['path']}: no space left on device` },
  'image.digest_mismatch': { kind: 'system', text: (d) => `${d['message']}` },
  'image.pull_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'image.push_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'image.pull_not_found': { kind: 'notFound', text: (d) => `${d['message']}` },
  'image.reserved_name': { kind: 'forbidden', text: (d) => `'${d['name']}' is a reserved name` },
  'image.registry_unreachable': {
    kind: 'system',
    text: (d) =>
      `${d['message']}${d['bootstrap'] === undefined ? '' : `\nno registry can be reached from here, but this image can be made from the distribution's packages: dhow image bootstrap ${d['bootstrap']}`}`,
  },
  'image.bootstrap_unknown': { kind: 'invalid', text: (d) => `cannot bootstrap ${JSON.stringify(d['name'])}: only ${d['known']} can be made from the distribution's packages` },
  'image.bootstrap_failed': { kind: 'system', text: (d) => `cannot bootstrap ${d['name']}: ${d['reason']}` },
} as const satisfies Record<string, ErrorRow>;
