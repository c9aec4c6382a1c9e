/**
 * Answers `__complete WORD...`, the request of completion scripts (ours, and those made for Docker's CLI): what
 * the last word may become, a line each with perhaps a tab and an explanation, then `:` and a directive.
 */
import type { Command, CommandNode, Invocation } from '#cli/command.ts';
import { childNamed } from '#cli/find-command.ts';
import type { Candidates, Flag, FlagDeclarations } from '#cli/flag.ts';
import { parseFlags } from '#cli/parse-flags.ts';
import { completeContainers, completeNetworks } from './object-names.ts';

/** The shell completes file names itself: 0; or it must not: 4. */
const files = { lines: [], directive: 0 };
const onlyThese = (lines: readonly string[]): Completion => ({ lines, directive: 4 });

export interface Completion {
  readonly lines: readonly string[];
  readonly directive: number;
}

export interface CompletionSubject {
  readonly root: CommandNode;
  readonly rootFlags: FlagDeclarations;
  /** All but the last are whole. */
  readonly words: readonly string[];
  /** An invocation of `command` with these arguments and flag values. */
  readonly invoke: (path: readonly string[], arguments_: readonly string[], flags: Record<string, unknown>) => Invocation;
}

interface Place {
  readonly node: CommandNode;
  readonly path: readonly string[];
  readonly command: Command | undefined;
  readonly flags: FlagDeclarations;
  /** The words of the command so far, flags and arguments. */
  readonly own: readonly string[];
  readonly arguments: readonly string[];
  /** The flag whose value comes next. */
  readonly pending: string | undefined;
  readonly flagsEnded: boolean;
}

export async function completeWords(subject: CompletionSubject): Promise<Completion> {
  const typed = subject.words.at(-1) ?? '';
  const place = await findPlace(subject);
  if (place.pending !== undefined) return await completeValue(subject, place, place.pending);
  if (!place.flagsEnded && typed.startsWith('-')) {
    const equals = /^--([^=]+)=/.exec(typed)?.[1];
    return equals !== undefined && Object.hasOwn(place.flags, equals) ? await completeValue(subject, place, equals) : completeFlagName(place, typed);
  }
  if (place.command === undefined) {
    const children = (place.node.children ?? []).filter((child) => child.hidden !== true && child.name.startsWith(typed));
    return onlyThese(children.map((child) => `${child.name}\t${child.summary}`).sort());
  }
  if (place.command.complete === undefined) return onlyThese([]);
  const invocation = subject.invoke(place.path, place.arguments, valuesOf(place));
  return onlyThese((await place.command.complete(invocation)).filter((line) => line.startsWith(typed)));
}

async function findPlace({ root, rootFlags, words }: CompletionSubject): Promise<Place> {
  let node = root;
  const path = [root.name];
  let command: Command | undefined;
  let flags = rootFlags;
  let own: string[] = [];
  let given: string[] = [];
  let pending: string | undefined;
  let flagsEnded = false;
  for (const word of words.slice(0, -1)) {
    own.push(word);
    if (pending !== undefined) {
      pending = undefined;
      continue;
    }
    if (!flagsEnded && word === '--') flagsEnded = true;
    else if (!flagsEnded && word.length > 1 && word.startsWith('-')) pending = awaitedValue(flags, word);
    else {
      const child = childNamed(node, word);
      if (child !== undefined) {
        node = child;
        path.push(child.name);
        command = await child.load?.();
        flags = command?.flags ?? {};
        own = [];
        given = [];
        continue;
      }
      given.push(word);
      if (command?.interspersed === false) flagsEnded = true;
    }
  }
  return { node, path, command, flags, own, arguments: given, pending, flagsEnded };
}

/** The flag that takes the next word as its value. */
function awaitedValue(flags: FlagDeclarations, word: string): string | undefined {
  if (word.includes('=')) return undefined;
  if (word.startsWith('--')) {
    const name = word.slice(2);
    return Object.hasOwn(flags, name) && flags[name]?.valueWhenBare === undefined ? name : undefined;
  }
  const letters = word.slice(1);
  for (const [index, letter] of [...letters].entries()) {
    const entry = Object.entries(flags).find(([, flag]) => flag.short === letter);
    if (entry === undefined) return undefined;
    if (entry[1].valueWhenBare === undefined) return index === letters.length - 1 ? entry[0] : undefined;
  }
  return undefined;
}

async function completeValue(subject: CompletionSubject, place: Place, name: string): Promise<Completion> {
  const candidates: Candidates | undefined = place.flags[name]?.candidates;
  if (candidates === undefined) return onlyThese([]);
  if (candidates === 'files') return files;
  if (candidates === 'variables') return onlyThese(Object.keys(process.env).sort());
  if (candidates === 'networks' || candidates === 'containers') {
    const invocation = subject.invoke(place.path, [], valuesOf(place));
    return onlyThese(candidates === 'networks' ? await completeNetworks(invocation) : await completeContainers(invocation, { all: true }));
  }
  return onlyThese(candidates);
}

function completeFlagName(place: Place, typed: string): Completion {
  const given = givenFlags(place);
  const lines = Object.entries(place.flags)
    .filter(([name, flag]) => flag.hidden !== true && flag.isOwn !== true && flag.deprecated === undefined && (isRepeatable(flag) || !given.has(name)))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .flatMap(([name, flag]) => {
      const explanation = flag.text.split('\n', 1)[0] ?? '';
      return [`--${name}`, ...(flag.short === undefined ? [] : [`-${flag.short}`])].filter((one) => one.startsWith(typed)).map((one) => `${one}\t${explanation}`);
    });
  return onlyThese(lines);
}

/** A flag that gathers its values may be given again. */
function isRepeatable(flag: Flag<unknown>): boolean {
  return Array.isArray(flag.initial) || flag.initial instanceof Map || flag.type === 'filter';
}

function givenFlags(place: Place): ReadonlySet<string> {
  return parsed(place)?.given ?? new Set();
}

function valuesOf(place: Place): Record<string, unknown> {
  return parsed(place)?.values ?? Object.fromEntries(Object.entries(place.flags).map(([name, flag]) => [name, flag.initial]));
}

/** Undefined while what is typed so far cannot be read. */
function parsed(place: Place): ReturnType<typeof parseFlags> | undefined {
  try {
    return parseFlags(place.flags, place.own, { interspersed: place.command?.interspersed !== false, warn: () => {} });
  } catch (error) {
    if (error instanceof Error && error.name === 'FlagFailure') return undefined;
    throw error;
  }
}
