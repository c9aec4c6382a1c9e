/** Commands of the group `network`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  {
    name: 'inspect', summary: 'Display detailed information on one or more networks',
    load: async () => (await import('./network-inspect.ts')).command,
  },
  { name: 'ls', aliases: ['list'], summary: 'List networks', load: async () => (await import('./network-ls.ts')).command },
];

export const networkNodes: readonly CommandNode[] = [
  { name: 'network', summary: 'Manage networks', children: inGroup },
];
