/** Commands of the group `volume`. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'create', summary: 'Create a volume', load: async () => (await import('./volume-create.ts')).command },
  {
    name: 'inspect', summary: 'Display detailed information on one or more volumes',
    load: async () => (await import('./volume-inspect.ts')).command,
  },
  {
    name: 'ls', aliases: ['list'], summary: 'List volumes', paths: ['volume ls', 'volume list'],
    load: async () => (await import('./volume-ls.ts')).command,
  },
  { name: 'prune', summary: 'Remove unused local volumes', load: async () => (await import('./volume-prune.ts')).command },
  {
    name: 'rm', aliases: ['remove'], summary: 'Remove one or more volumes', paths: ['volume rm', 'volume remove'],
    load: async () => (await import('./volume-rm.ts')).command,
  },
];

export const volumeNodes: readonly CommandNode[] = [
  { name: 'volume', summary: 'Manage volumes', children: inGroup },
];
