/** `completion SHELL`. */
import type { CommandNode } from '#cli/command.ts';

export const completionNode: CommandNode = {
  name: 'completion',
  summary: 'Generate the autocompletion script for the specified shell',
  hidden: true,
  children: (['bash', 'fish', 'zsh'] as const).map((shell) => ({
    name: shell,
    summary: `Generate the autocompletion script for ${shell}`,
    load: async () => (await import('./completion.ts')).completionCommand(shell),
  })),
};
