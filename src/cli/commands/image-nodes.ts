/** Commands of the group `image`, and their short names at the top level. */
import type { CommandNode } from '#cli/command.ts';

export const imageNodes: readonly CommandNode[] = [];
