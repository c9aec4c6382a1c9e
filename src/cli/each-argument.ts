/** Commands that do one thing to each of their arguments and go on after a failure. */
import { CommandFailure } from './command-failure.ts';
import { errorText } from './error-text.ts';
import type { Output } from './streams/output.ts';

export interface EachOptions {
  readonly stdout: Output;
  readonly signal: AbortSignal;
  /** How many are under way at once. */
  readonly parallel: number;
  /** Deals with a failure itself when it gives true. */
  readonly pardon?: (error: unknown) => boolean;
}

/** Prints each argument that succeeded, in their order; the failures come together at the end. @throws CommandFailure */
export async function eachArgument(names: readonly string[], work: (name: string) => Promise<unknown>, options: EachOptions): Promise<number> {
  const { stdout, signal, parallel, pardon } = options;
  const queue = names.map((name) => ({ name, ...Promise.withResolvers<void>() }));
  for (const { promise } of queue) promise.catch(() => {});
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let entry = queue[next++]; entry !== undefined; entry = queue[next++]) {
      const { name, resolve, reject } = entry;
      await work(name).then(() => resolve(), reject);
    }
  };
  const workers = Promise.all(Array.from({ length: Math.min(parallel, names.length) }, worker));
  const failures: string[] = [];
  for (const { name, promise } of queue) {
    try {
      await promise;
      stdout.writeLine(name);
    } catch (error) {
      if (signal.aborted) throw error;
      if (pardon?.(error) !== true) failures.push(errorText(error));
    }
  }
  await workers;
  if (failures.length > 0) throw new CommandFailure(failures.join('\n'));
  return 0;
}
