/**
 * What a command-line flag is: its place in the help, its value's type and how a text is added to the value.
 * Values are immutable; `add` gives the next value or throws an Error whose message completes
 * `invalid argument "x" for "--flag" flag: …`.
 */

/** When a flag or command is offered at all; what is missing is no condition. */
export interface Requirement {
  /** Only on daemons with experimental features. */
  readonly experimental?: boolean;
  /** Only on a swarm manager, or an active swarm node. */
  readonly swarm?: 'manager' | 'active';
  /** The lowest API version. */
  readonly version?: string;
  /** The daemon's operating system. */
  readonly system?: 'linux' | 'windows';
}

/** What completes a flag's value: a fixed list, or things of a kind. */
export type Candidates = readonly string[] | 'files' | 'networks' | 'containers' | 'variables';

export interface Flag<T> {
  /** The word after the name in the help; empty for booleans. */
  readonly type: string;
  readonly short?: string | undefined;
  /** The explanation in the help; may have several lines. A word in back quotes replaces `type`. */
  readonly text: string;
  readonly initial: T;
  /** Shown as `(default …)`; undefined when the default is the type's zero. */
  readonly shownDefault?: string | undefined;
  /** The value taken when none is given (`--flag` alone). */
  readonly valueWhenBare?: string | undefined;
  readonly hidden?: boolean | undefined;
  /** Docker has no such flag: it is not listed under Docker's name. */
  readonly isOwn?: boolean | undefined;
  /** Another flag, whose value this one sets: an old name for it. */
  readonly aliasOf?: string | undefined;
  /** What to use instead; using the flag prints a warning. */
  readonly deprecated?: string | undefined;
  readonly requires?: Requirement | undefined;
  readonly candidates?: Candidates | undefined;
  add(current: T, text: string): T;
}

/** What every flag maker takes besides its own. */
export interface FlagOptions {
  readonly short?: string;
  readonly text: string;
  readonly hidden?: boolean;
  readonly isOwn?: boolean;
  readonly aliasOf?: string;
  readonly deprecated?: string;
  readonly requires?: Requirement;
  readonly candidates?: Candidates;
}

/** A command's flags: long name to flag. */
export type FlagDeclarations = Readonly<Record<string, Flag<unknown>>>;

/** The values a declaration gives: long name to value. */
export type FlagValues<F> = { readonly [K in keyof F]: F[K] extends { readonly initial: infer T } ? T : never };
