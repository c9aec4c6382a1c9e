/**
 * Which flags and commands a daemon supports. The daemon is asked only when something is conditional; one
 * that does not answer supports everything, as Docker's CLI has it.
 */
import type { PingResult } from '#client/system-api.ts';
import { isOlder } from '#client/transport.ts';
import type { CommandNode } from './command.ts';
import type { FlagDeclarations, Requirement } from './flag.ts';
import type { Session } from './session.ts';

type Support = PingResult | undefined;

/** Flags for the help: those the daemon does not support are left out. */
export async function offeredFlags(session: Session, flags: FlagDeclarations): Promise<FlagDeclarations> {
  const entries = Object.entries(flags);
  if (!entries.some(([, flag]) => flag.requires !== undefined)) return flags;
  const support = await ask(session);
  return Object.fromEntries(entries.filter(([, flag]) => isOffered(flag.requires, support, session)));
}

export async function offeredChildren(session: Session, children: readonly CommandNode[]): Promise<readonly CommandNode[]> {
  const visible = children.filter((child) => child.hidden !== true && !(child.isOwn === true && session.program === 'docker'));
  if (!visible.some((child) => child.requires !== undefined)) return visible;
  const support = await ask(session);
  return visible.filter((child) => isOffered(child.requires, support, session));
}

/** Docker's text when the command, or a flag that was given, needs what the daemon lacks. */
export async function refusalOf(session: Session, node: CommandNode, flags: FlagDeclarations, given: ReadonlySet<string>): Promise<string | undefined> {
  const conditional = [...given].filter((name) => flags[name]?.requires !== undefined);
  if (node.requires === undefined && conditional.length === 0) return undefined;
  const support = await ask(session);
  if (support === undefined) return undefined;
  if (node.requires?.experimental === true && !support.experimental) return `${session.program} ${node.name} is only supported on a Docker daemon with experimental features enabled`;
  const refusals: string[] = [];
  for (const name of conditional) {
    const requires = flags[name]?.requires ?? {};
    const version = agreedVersion(session, support);
    if (requires.version !== undefined && isOlder(version, requires.version)) refusals.push(`"--${name}" requires API version ${requires.version}, but the Docker daemon API version is ${version}`);
    else if (requires.system !== undefined && support.system !== '' && requires.system !== support.system) refusals.push(`"--${name}" is only supported on a Docker daemon running on ${requires.system}, but the Docker daemon is running on ${support.system}`);
    else if (requires.experimental === true && !support.experimental) refusals.push(`"--${name}" is only supported on a Docker daemon with experimental features enabled`);
  }
  return refusals.length === 0 ? undefined : refusals.join('\n');
}

function isOffered(requires: Requirement | undefined, support: Support, session: Session): boolean {
  if (requires === undefined || support === undefined) return true;
  if (requires.experimental === true && !support.experimental) return false;
  if (requires.system !== undefined && support.system !== '' && requires.system !== support.system) return false;
  if (requires.version !== undefined && isOlder(agreedVersion(session, support), requires.version)) return false;
  if (requires.swarm === undefined || support.swarm === '') return true;
  return requires.swarm === 'active' ? !support.swarm.startsWith('inactive') : support.swarm.endsWith('/manager');
}

function agreedVersion(session: Session, support: PingResult): string {
  const fixed = session.environment['DOCKER_API_VERSION'];
  if (fixed !== undefined && fixed !== '') return fixed;
  return support.apiVersion !== '' && isOlder(support.apiVersion, session.newestApiVersion) ? support.apiVersion : session.newestApiVersion;
}

async function ask(session: Session): Promise<Support> {
  const { client } = session;
  try {
    return await client.system.ping();
  } catch (error) {
    if (error instanceof Error && error.name === 'ConnectionError') return undefined;
    throw error;
  }
}
