/** Commands of the group `manifest`. */
import type { CommandNode } from '#cli/command.ts';

const description = `The **docker manifest** command has subcommands for managing image manifests and
manifest lists. A manifest list allows you to use one name to refer to the same image
built for multiple architectures.

To see help for a subcommand, use:

    docker manifest CMD --help

For full details on using docker manifest lists, see the registry v2 specification.`;

const inGroup: readonly CommandNode[] = [
  { name: 'annotate', summary: 'Add additional information to a local image manifest', experimental: true, load: async () => (await import('./manifest-annotate.ts')).command },
  { name: 'create', summary: 'Create a local manifest list for annotating and pushing to a registry', experimental: true, load: async () => (await import('./manifest-create.ts')).command },
  { name: 'inspect', summary: 'Display an image manifest, or manifest list', experimental: true, load: async () => (await import('./manifest-inspect.ts')).command },
  { name: 'push', summary: 'Push a manifest list to a repository', experimental: true, load: async () => (await import('./manifest-push.ts')).command },
  { name: 'rm', summary: 'Delete one or more manifest lists from local storage', experimental: true, load: async () => (await import('./manifest-rm.ts')).command },
];

export const manifestNodes: readonly CommandNode[] = [
  { name: 'manifest', summary: 'Manage Docker image manifests and manifest lists', description, usage: 'COMMAND', experimental: true, children: inGroup },
];
