/** The help of a command, of a group and of the program, laid out as Docker's. */
import type { Command, CommandNode } from './command.ts';
import type { FlagDeclarations } from './flag.ts';
import { flagUsages } from './wrap-usage.ts';

export interface HelpSubject {
  /** From the program's name to the node's. */
  readonly path: readonly string[];
  readonly node: CommandNode;
  /** Undefined for groups. */
  readonly command?: Command | undefined;
  /** The node's flags that are offered. */
  readonly flags: FlagDeclarations;
  /** The node's children that are offered. */
  readonly children: readonly CommandNode[];
  readonly columns: number;
}

/** The line after `Usage:` that error texts repeat. */
export function usageLine(subject: Pick<HelpSubject, 'path' | 'command'>): string {
  if (subject.path.length === 1) return `${subject.path.join(' ')} [OPTIONS] COMMAND [ARG...]`;
  const parents = subject.path.slice(0, -1).join(' ');
  return subject.command === undefined ? subject.path.join(' ') : `${parents} ${subject.command.usage}`;
}

export function helpText(subject: HelpSubject): string {
  const { node, path, flags, children } = subject;
  const name = path.join(' ');
  const isRoot = path.length === 1;
  const isGroup = subject.command === undefined;
  const options = flagUsages(flags, subject.columns, path[0]).replace(/[ \n]+$/, '');
  const usage = isGroup ? `${name}${options === '' ? '' : ' [OPTIONS]'} COMMAND` : usageLine(subject);
  let text = `Usage:  ${usage}\n\n${(subject.command?.description ?? node.description ?? node.summary).trim()}`;
  const names = aliasNames(node, path);
  if (names !== '') text += `\n\nAliases:\n  ${names}`;
  if (node.experimental === true) text += experimentalText(name);
  if (!isRoot && options !== '') text += `\n\nOptions:\n${options}`;
  const sections = isGroup ? groupSections(children, isRoot) : [];
  const padding = Math.max(11, ...children.map((child) => child.name.length));
  for (const [title, members] of sections) {
    if (members.length === 0) continue;
    text += `\n\n${title}:\n${members.map((member) => `  ${member.name.padEnd(padding)} ${member.summary}`).join('\n')}`;
  }
  if (isRoot && options !== '') text += `\n\nGlobal Options:\n${options}`;
  if (isGroup) text += `\n\nRun '${name} COMMAND --help' for more information on a command.`;
  if (isRoot) text += '\n\nFor more help on how to use Docker, head to https://docs.docker.com/go/guides/';
  return `${text}\n`;
}

function experimentalText(name: string): string {
  return `\n\nEXPERIMENTAL:\n  ${name} is an experimental feature.\n  Experimental features provide early access to product functionality. These\n  features may change between releases without warning, or can be removed from a\n  future release. Learn more about experimental features in our documentation:\n  https://docs.docker.com/go/experimental/`;
}

function aliasNames(node: CommandNode, path: readonly string[]): string {
  const program = path[0] ?? '';
  if (node.paths !== undefined) return node.paths.map((one) => `${program} ${one}`).join(', ');
  if (node.aliases === undefined) return '';
  const parents = path.slice(0, -1).join(' ');
  return [path.join(' '), ...node.aliases.map((alias) => `${parents} ${alias}`)].join(', ');
}

function groupSections(children: readonly CommandNode[], isRoot: boolean): readonly (readonly [string, readonly CommandNode[]])[] {
  const sorted = [...children].sort((left, right) => (left.name < right.name ? -1 : 1));
  if (!isRoot) return [['Management Commands', sorted.filter((child) => child.children !== undefined)], ['Commands', sorted.filter((child) => child.children === undefined)]];
  const groups = sorted.filter((child) => child.children !== undefined);
  return [
    ['Common Commands', sorted.filter((child) => child.common !== undefined).sort((left, right) => (left.common ?? 0) - (right.common ?? 0))],
    ['Management Commands', groups.filter((child) => child.swarm !== true)],
    ['Swarm Commands', groups.filter((child) => child.swarm === true)],
    ['Commands', sorted.filter((child) => child.children === undefined && child.common === undefined)],
  ];
}
