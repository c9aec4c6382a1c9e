/** Finds the command that the words on a command line mean. */
import type { CommandNode } from './command.ts';
import type { FlagDeclarations } from './flag.ts';
import { parseFlags } from './parse-flags.ts';

export interface FoundCommand {
  readonly node: CommandNode;
  /** From the program's name on; names as declared, whatever alias was used. */
  readonly path: readonly string[];
  /** What follows the command's name. */
  readonly words: readonly string[];
  /** A group's own flags before the name of its command asked for help. */
  readonly helpRequested: boolean;
}

export function childNamed(node: CommandNode, name: string): CommandNode | undefined {
  return node.children?.find((child) => child.name === name || child.aliases?.includes(name) === true);
}

/** Walks down as long as words name children. A flag before a name belongs to the group. @throws GroupFlagFailure */
export function findCommand(root: CommandNode, program: string, words: readonly string[], warn: (line: string) => void): FoundCommand {
  let node = root;
  const path = [program];
  let rest = words;
  let helpRequested = false;
  while (node.children !== undefined) {
    const at = rest.findIndex((word) => !word.startsWith('-'));
    const child = at < 0 ? undefined : childNamed(node, rest[at] ?? '');
    // A command with arguments of its own has others below it only right after its name.
    if (child === undefined || (node.load !== undefined && at > 0)) break;
    if (node.load !== undefined && program === 'docker') break;
    if (at > 0) {
      try {
        const parsed = parseFlags(groupFlags, rest.slice(0, at), { interspersed: true, warn });
        helpRequested ||= parsed.helpRequested;
      } catch (error) {
        throw new GroupFlagFailure(node, [...path], error);
      }
    }
    node = child;
    path.push(child.name);
    rest = rest.slice(at + 1);
  }
  return { node, path, words: rest, helpRequested };
}

/** A flag a group does not have. */
export class GroupFlagFailure extends Error {
  readonly node: CommandNode;
  readonly path: readonly string[];

  constructor(node: CommandNode, path: readonly string[], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.node = node;
    this.path = path;
  }
}

/** Groups have no flags but help. */
export const groupFlags: FlagDeclarations = {};
