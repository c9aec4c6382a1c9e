/** Commands of the group `volume`. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'clone', summary: 'Copy a volume into a new one', isOwn: true, load: async () => (await import('./volume-clone.ts')).command },
  { name: 'create', summary: 'Create a volume', load: async () => (await import('./volume-create.ts')).command },
  { name: 'diff', summary: 'Show what differs between two volumes', isOwn: true, load: async () => (await import('./volume-diff.ts')).command },
  { name: 'export', summary: 'Write the content of a volume as a tar archive', isOwn: true, load: async () => (await import('./volume-export.ts')).command },
  { name: 'import', summary: 'Make a volume of a tar archive', isOwn: true, load: async () => (await import('./volume-import.ts')).command },
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
  {
    name: 'update', summary: 'Update a volume (cluster volumes only)', requires: { version: '1.42', swarm: 'manager' },
    load: async () => (await import('./volume-update.ts')).command,
  },
  { name: 'snapshot', summary: 'Keep a copy of a volume as it is now', isOwn: true, load: async () => (await import('./volume-snapshot.ts')).command },
];

export const volumeNodes: readonly CommandNode[] = [
  { name: 'volume', summary: 'Manage volumes', usage: 'COMMAND', children: inGroup },
];
