/** Commands of the group `registry`, which Docker does not have. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'down', summary: 'Stop and remove the registry that "registry up" has started; its images stay', load: async () => (await import('./registry-down.ts')).command },
  { name: 'gc', summary: 'Remove what nothing refers to from a running registry', load: async () => (await import('./registry-gc.ts')).command },
  { name: 'serve', summary: 'Serve a registry from this process', load: async () => (await import('./registry-serve.ts')).command },
  { name: 'status', summary: 'Show whether the registry of "registry up" runs, and where', load: async () => (await import('./registry-status.ts')).command },
  { name: 'up', summary: 'Run a registry as a container that is always restarted', load: async () => (await import('./registry-up.ts')).command },
];

export const registryServerNodes: readonly CommandNode[] = [
  { name: 'registry', summary: 'Run a registry of your own', isOwn: true, children: inGroup },
];
