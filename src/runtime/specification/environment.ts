/** The environment of a container's process, in Docker's order. */

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvironmentInput {
  /** `Config.Env`: the image's variables overridden by the container's. A name without `=` removes a variable. */
  readonly variables: readonly string[];
  readonly hostname: string;
  readonly terminal: boolean;
  /** Variables of legacy links. */
  readonly links?: readonly string[] | undefined;
  /** Home directory from the user's passwd entry. */
  readonly home: string;
}

/** PATH, HOSTNAME, TERM, links, then what the configuration says (in the place of what it replaces), then HOME unless it is set. */
export function buildEnvironment(input: EnvironmentInput): string[] {
  const defaults = [`PATH=${defaultPath}`, `HOSTNAME=${input.hostname}`];
  if (input.terminal) defaults.push('TERM=xterm');
  defaults.push(...(input.links ?? []));
  const environment = overrideVariables(defaults, input.variables);
  const kept = environment.filter((variable) => variable !== 'HOME=');
  if (!kept.some((variable) => variable.startsWith('HOME='))) kept.push(`HOME=${input.home}`);
  return kept;
}

/** Puts `overrides` over `defaults`: a variable keeps the place where its name came first, a name without `=` is removed. */
export function overrideVariables(defaults: readonly string[], overrides: readonly string[]): string[] {
  const values = new Map<string, string>();
  for (const variable of [...defaults, ...overrides]) {
    const end = variable.indexOf('=');
    if (end < 0) values.delete(variable);
    else values.set(variable.slice(0, end), variable);
  }
  return [...values.values()];
}
