/** Commands of the group `system`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

export const systemNodes: readonly CommandNode[] = [];
