/** The flags of `stop` and `restart`. */
import { CommandFailure } from '#cli/command-failure.ts';
import { signalNames } from '#cli/completion/signal-names.ts';
import { integerFlag, textFlag } from '#cli/flags/scalar-flags.ts';

const timeoutText = 'Seconds to wait before killing the container';

export const stopFlags = {
  signal: textFlag({ short: 's', text: 'Signal to send to the container', candidates: signalNames }),
  time: integerFlag({ text: `${timeoutText} (deprecated: use --timeout)`, aliasOf: 'timeout', hidden: true, deprecated: 'use --timeout instead' }),
  timeout: integerFlag({ short: 't', text: timeoutText }),
} as const;

/** The seconds to send; nothing when the user named none. @throws CommandFailure */
export function timeoutOf(flags: { readonly timeout: number }, given: (name: 'time' | 'timeout') => boolean): { timeout?: number } {
  if (given('time') && given('timeout')) throw new CommandFailure('conflicting options: cannot specify both --timeout and --time');
  return given('time') || given('timeout') ? { timeout: flags.timeout } : {};
}
