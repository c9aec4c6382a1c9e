/** Commands of the group `network`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'connect', summary: 'Connect a container to a network', load: async () => (await import('./network-connect.ts')).command },
  { name: 'create', summary: 'Create a network', load: async () => (await import('./network-create.ts')).command },
  { name: 'disconnect', summary: 'Disconnect a container from a network', load: async () => (await import('./network-disconnect.ts')).command },
  {
    name: 'inspect', summary: 'Display detailed information on one or more networks',
    load: async () => (await import('./network-inspect.ts')).command,
  },
  { name: 'ls', aliases: ['list'], summary: 'List networks', load: async () => (await import('./network-ls.ts')).command },
  { name: 'prune', summary: 'Remove all unused networks', load: async () => (await import('./network-prune.ts')).command },
  { name: 'rm', aliases: ['remove'], summary: 'Remove one or more networks', load: async () => (await import('./network-rm.ts')).command },
];

export const networkNodes: readonly CommandNode[] = [
  { name: 'network', summary: 'Manage networks', children: inGroup },
];
