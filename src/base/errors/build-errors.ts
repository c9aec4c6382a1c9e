/** Errors of builds. Texts are those of Docker's classic builder and of BuildKit. */
import type { ErrorRow } from './error-kind.ts';

export const buildErrors = {
  'build.invalid_dockerfile': { kind: 'invalid', text: (d) => `${d['message']}` },
  'build.invalid_option': { kind: 'invalid', text: (d) => `${d['message']}` },
  'build.remote_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'build.cache_mount_missing': { kind: 'notFound', text: (d) => `no cache mount is kept by the id ${d['id']}: "docker buildx du --filter type=exec.cachemount" lists them` },
  'build.remote_missing': { kind: 'notFound', text: (d) => `${d['message']}` },
  'build.archive_refused': { kind: 'invalid', text: (d) => `unpacking ${d['name']} was stopped, and what came of it was removed: ${d['reason']}; where that is meant, ${d['remedy']}` },
  'build.path_outside': { kind: 'system', text: (d) => `forbidden path outside the build context: ${d['path']} ()` },
  'build.dockerfile_missing': { kind: 'system', text: (d) => `Cannot locate specified Dockerfile: ${d['path']}` },
  'build.step_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'build.command_failed': { kind: 'system', text: (d) => `The command '${d['command']}' returned a non-zero code: ${d['code']}` },
  'build.session_failed': { kind: 'system', text: (d) => `${d['message']}` },
  'build.solve_failed': { kind: 'invalid', text: (d) => `${d['message']}` },
  'build.prune_refused': { kind: 'invalid', text: (d) => `failed to prune build cache: ${d['message']}` },
  'build.ref_unknown': { kind: 'notFound', text: (d) => `no such job ${d['ref']}` },
  'build.needs_buildkit': {
    kind: 'system',
    text: (d) => `the --${d['flag']} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled`,
  },
} as const satisfies Record<string, ErrorRow>;
