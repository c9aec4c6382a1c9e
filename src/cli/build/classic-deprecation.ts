/** What Docker's command line says before whatever uses the classic builder. */

export const classicDeprecation: readonly string[] = [
  'DEPRECATED: The legacy builder is deprecated and will be removed in a future release.',
  '            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0',
  '            environment-variable.',
  '',
];
