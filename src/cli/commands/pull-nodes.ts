/** `pull` and `push`, in the group `image` and among the common commands. */
import type { CommandNode } from '#cli/command.ts';

export const imagePullNode: CommandNode = {
  name: 'pull',
  summary: 'Download an image from a registry',
  paths: ['image pull', 'pull'],
  load: async () => (await import('./pull.ts')).command,
};

export const pullNode: CommandNode = { ...imagePullNode, common: 5 };

export const imagePushNode: CommandNode = {
  name: 'push',
  summary: 'Upload an image to a registry',
  paths: ['image push', 'push'],
  load: async () => (await import('./push.ts')).command,
};

export const pushNode: CommandNode = { ...imagePushNode, common: 6 };
