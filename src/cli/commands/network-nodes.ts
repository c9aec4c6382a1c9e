/** Commands of the group `network`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

export const networkNodes: readonly CommandNode[] = [];
