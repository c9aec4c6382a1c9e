/** Commands on containers: in the group `container`, and by their short names. */
import type { CommandNode } from '#cli/command.ts';

const rename = async () => (await import('./rename.ts')).command;

const inGroup: readonly CommandNode[] = [
  { name: 'rename', summary: 'Rename a container', paths: ['container rename', 'rename'], load: rename },
];

export const containerNodes: readonly CommandNode[] = [
  { name: 'container', summary: 'Manage containers', children: inGroup },
  ...inGroup,
];
