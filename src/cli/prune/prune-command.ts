/** What all prune commands have in common: flags, the question before, and the account after. */
import { humanSize } from '#base/human-size.ts';
import type { Invocation } from '#cli/command.ts';
import type { Requirement } from '#cli/flag.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { confirm } from './confirm.ts';
import type { PruneResult } from './prune-objects.ts';

/** `example` shows what a filter may be. */
export function pruneFlags(example: string, requires?: Requirement) {
  return {
    filter: filterFlag({ text: `Provide filter values (e.g. "${example}")`, ...(requires === undefined ? {} : { requires }) }),
    force: booleanFlag({ short: 'f', text: 'Do not prompt for confirmation' }),
  } as const;
}

type PruneInvocation = Pick<Invocation, 'stdin' | 'stdout' | 'signal'> & { readonly flags: { readonly force: boolean } };

/** Whether the user lets it happen. */
export async function mayPrune({ flags, stdin, stdout, signal }: PruneInvocation, warning: string): Promise<boolean> {
  return flags.force || (await confirm(`WARNING! ${warning}Are you sure you want to continue?`, { stdin, stdout, signal }));
}

/** Takes the steps in turn, each as soon as the one before is told. */
export async function pruneInTurn({ stdout }: PruneInvocation, steps: readonly (() => Promise<PruneResult>)[]): Promise<number> {
  let total = 0;
  for (const step of steps) {
    const { reclaimed, text } = await step();
    total += reclaimed;
    if (text !== '') stdout.writeLine(text);
  }
  stdout.writeLine(`Total reclaimed space: ${humanSize(total)}`);
  return 0;
}
