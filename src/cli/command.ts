/**
 * What a command is. A leaf of the tree in `commands/tree.ts` names a file that exports `command`:
 *
 *     // src/cli/commands/rename.ts
 *     import { defineCommand } from '#cli/command.ts';
 *     import { exactArguments } from '#cli/argument-rule.ts';
 *     import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
 *
 *     export const command = defineCommand({
 *       usage: 'rename [OPTIONS] CONTAINER NEW_NAME',     // as the help shows it, without the parents' names
 *       positional: exactArguments(2),                    // errors come out as Docker's
 *       flags: {                                          // long name to flag; see flags/*.ts for all makers
 *         force: booleanFlag({ short: 'f', text: 'Do not ask' }),
 *         format: textFlag({ text: 'Format output' }),
 *       },
 *       async run({ client, flags, arguments: [from = '', to = ''], stdout, stderr, given }) {
 *         await client.containers.rename(from, to);       // an ApiError thrown prints "Error response from daemon: …", exit code 1
 *         if (flags.force && given('force')) stderr.writeLine('…');
 *         stdout.writeLine('done');
 *         return 0;                                       // the exit code
 *       },
 *     });
 *
 * and the tree has `{ name: 'rename', summary: 'Rename a container', paths: ['container rename', 'rename'],
 * load: async () => (await import('./rename.ts')).command }`. The file is loaded only when its command is used.
 * `throw new CommandFailure(text, exitCode)` ends with a text of one's own; `errorText(error)` of
 * `error-text.ts` is what would be printed, for commands that go on with their next argument.
 * `client` connects at its first request. Nothing may write to the process's streams but `stdout`/`stderr`.
 */
import type { Client } from '#client/client.ts';
import type { ArgumentRule } from './argument-rule.ts';
import type { ClientConfiguration } from './configuration/client-configuration.ts';
import type { FlagDeclarations, FlagValues, Requirement } from './flag.ts';
import type { Input } from './streams/input.ts';
import type { Output } from './streams/output.ts';

/** One call of a command. */
export interface Invocation<F = FlagDeclarations> {
  /** `docker` or `dhow`: the name the user called, as texts must say it. */
  readonly program: string;
  /** The whole name as called: `docker container run`. */
  readonly path: string;
  readonly arguments: readonly string[];
  readonly flags: FlagValues<F>;
  /** Whether the user gave the flag (also with its default as value). */
  readonly given: (name: keyof F & string) => boolean;
  /** The daemon's API; made at the first use. */
  readonly client: Client;
  /** The address `client` talks to, as texts name it: `unix:///run/dhow/docker.sock`. */
  readonly endpoint: string;
  /** The name of the context in use. */
  readonly context: () => string;
  readonly configuration: ClientConfiguration;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when the user asks the program to end (the first SIGINT or SIGTERM). */
  readonly signal: AbortSignal;
  /** Signals no longer abort `signal`: the command deals with them itself, as those do that forward them. */
  readonly takeOverSignals: () => void;
}

export interface Command<F extends FlagDeclarations = FlagDeclarations> {
  /** `run [OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  /** Shown by the help instead of the node's summary. */
  readonly description?: string;
  readonly positional: ArgumentRule;
  readonly flags: F;
  /** False: the first argument ends the flags (`run`, `exec`). Default true. */
  readonly interspersed?: boolean;
  /** Lines for standard error before anything of the call is read, and before what is wrong with it is told. */
  preface?(environment: Readonly<Record<string, string | undefined>>): readonly string[];
  /** The exit code. */
  run(invocation: Invocation<F>): Promise<number>;
  /** Candidates for completing the next argument, each perhaps with a tab and a description. */
  complete?(invocation: Invocation<F>): Promise<readonly string[]>;
}

/** Checks the types of a command's flags against their use. */
export function defineCommand<const F extends FlagDeclarations>(command: Command<F>): Command {
  // A command's own flags are always the ones it is run with, so forgetting their names is sound.
  return command as unknown as Command;
}

/** A place in the tree of commands: a group (`children`) or a command (`load`). */
export interface CommandNode {
  readonly name: string;
  /** Other names beside its siblings (`ls`: `list`, `ps`). */
  readonly aliases?: readonly string[];
  /** Every full name, for the help's `Aliases`, without the program's name: `container run`, `run`. */
  readonly paths?: readonly string[];
  readonly summary: string;
  /** What a group's usage has behind its name in texts of errors. */
  readonly usage?: string;
  /** What a group's own help says instead of the summary. */
  readonly description?: string;
  /** Docker says of it that it may change or go. */
  readonly experimental?: boolean;
  /** The place among the common commands of the top-level help. */
  readonly common?: number;
  readonly hidden?: boolean;
  /** Docker has no such command: it is not listed under Docker's name. */
  readonly isOwn?: boolean;
  /** Listed under Swarm Commands. */
  readonly swarm?: boolean;
  readonly requires?: Requirement;
  readonly children?: readonly CommandNode[];
  readonly load?: () => Promise<Command>;
}
