/** Who may do what in which repository: a list of grants; what none of them grants is denied. */

export const repositoryActions = ['pull', 'push', 'delete'] as const;
export type RepositoryAction = (typeof repositoryActions)[number];

export interface AccessRule {
  /** Names; `*` is everyone who has logged in, `anonymous` everyone at all. */
  readonly users: readonly string[];
  /** Names in which `*` stands for any run without a slash and `**` for any run. */
  readonly repositories: readonly string[];
  readonly actions: readonly RepositoryAction[];
}

/** Who sends a request, and what that one may do. */
export interface Actor {
  /** Undefined: has not logged in. */
  readonly name: string | undefined;
  may(action: RepositoryAction, repository: string): boolean;
  /** What the lists of repositories show: every one, those that may be pulled, or they may not be asked for. */
  readonly lists: 'all' | 'pullable' | 'none';
}

/** Whether the lists show this repository to the one who asks. */
export function isListed(actor: Actor, repository: string): boolean {
  return actor.lists === 'all' || (actor.lists === 'pullable' && actor.may('pull', repository));
}

/** What the rules grant; without rules, everything to whoever is let in. */
export function actorByRules(name: string | undefined, rules: readonly AccessRule[], open: boolean): Actor {
  if (rules.length === 0) {
    const all = open || name !== undefined;
    return { name, lists: all ? 'all' : 'none', may: () => all };
  }
  const own = rules.filter(({ users }) => users.includes('anonymous') || (name !== undefined && (users.includes('*') || users.includes(name))));
  const grants = own.map(({ repositories, actions }) => ({ patterns: repositories.map(patternOf), actions }));
  return {
    name,
    lists: own.length > 0 ? 'pullable' : 'none',
    may: (action, repository) => grants.some(({ patterns, actions }) => actions.includes(action) && patterns.some((pattern) => pattern.test(repository))),
  };
}

function patternOf(text: string): RegExp {
  const source = text.split(/(\*\*|\*)/).map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : RegExp.escape(part)));
  return new RegExp(`^${source.join('')}$`);
}
