/** Commands of the group `context`. */
import type { CommandNode } from '#cli/command.ts';

const inGroup: readonly CommandNode[] = [
  { name: 'create', summary: 'Create a context', load: async () => (await import('./context-create.ts')).command },
  {
    name: 'export', summary: 'Export a context to a tar archive FILE or a tar stream on STDOUT.',
    load: async () => (await import('./context-export.ts')).command,
  },
  { name: 'import', summary: 'Import a context from a tar or zip file', load: async () => (await import('./context-import.ts')).command },
  {
    name: 'inspect', summary: 'Display detailed information on one or more contexts',
    load: async () => (await import('./context-inspect.ts')).command,
  },
  { name: 'ls', aliases: ['list'], summary: 'List contexts', load: async () => (await import('./context-ls.ts')).command },
  { name: 'rm', aliases: ['remove'], summary: 'Remove one or more contexts', load: async () => (await import('./context-rm.ts')).command },
  { name: 'show', summary: 'Print the name of the current context', load: async () => (await import('./context-show.ts')).command },
  { name: 'update', summary: 'Update a context', load: async () => (await import('./context-update.ts')).command },
  { name: 'use', summary: 'Set the current docker context', load: async () => (await import('./context-use.ts')).command },
];

export const contextNodes: readonly CommandNode[] = [
  { name: 'context', summary: 'Manage contexts', children: inGroup },
];
