/** How many arguments a command takes, with Docker's texts when that is not what was given. */

/** Gives the sentence after `docker: 'docker rm' …`, or undefined when `count` fits. */
export type ArgumentRule = (count: number) => string | undefined;

const plural = (count: number): string => (count === 1 ? 'argument' : 'arguments');

export const noArguments: ArgumentRule = (count) => (count === 0 ? undefined : 'accepts no arguments');

export function exactArguments(wanted: number): ArgumentRule {
  return (count) => (count === wanted ? undefined : `requires ${wanted} ${plural(wanted)}`);
}

export function minimumArguments(least: number): ArgumentRule {
  return (count) => (count >= least ? undefined : `requires at least ${least} ${plural(least)}`);
}

export function maximumArguments(most: number): ArgumentRule {
  return (count) => (count <= most ? undefined : `requires at most ${most} ${plural(most)}`);
}

export function rangeOfArguments(least: number, most: number): ArgumentRule {
  return (count) => (count >= least && count <= most ? undefined : `requires at least ${least} and at most ${most} ${plural(most)}`);
}
