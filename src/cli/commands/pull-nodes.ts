/** `pull`, in the group `image` and among the common commands. */
import type { CommandNode } from '#cli/command.ts';

export const imagePullNode: CommandNode = {
  name: 'pull',
  summary: 'Download an image from a registry',
  paths: ['image pull', 'pull'],
  load: async () => (await import('./pull.ts')).command,
};

export const pullNode: CommandNode = { ...imagePullNode, common: 5 };
