/** Commands of the group `builder`. */
import type { CommandNode } from '#cli/command.ts';
import { buildNode } from './image-nodes.ts';

export const builderNode: CommandNode = {
  name: 'builder',
  summary: 'Manage builds',
  children: [
    buildNode,
    { name: 'export-mount', summary: 'Write what a cache mount of builds holds as a tar archive', isOwn: true, load: async () => (await import('./builder-export-mount.ts')).command },
    { name: 'prune', summary: 'Remove build cache', load: async () => (await import('./builder-prune.ts')).command },
  ],
};
