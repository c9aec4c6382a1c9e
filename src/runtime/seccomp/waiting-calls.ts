/** Whether a process under seccomp rules can wait to be let go by the shim, as crun has it wait. */
import type { SeccompRules } from '#kernel/seccomp-rules.ts';

/** What crun calls between the filter and the program, when a container is created and then started: select(2), by the name each C library gives it. */
const waitingCalls = ['select', '_newselect', 'pselect6', 'pselect6_time64', 'read', 'close'];

/** False where any of the calls is refused, told of, or allowed for some arguments alone: profiles that strict are rare. */
export function mayWait(rules: SeccompRules | undefined): boolean {
  if (rules === undefined) return true;
  return waitingCalls.every((call) => {
    const naming = (rules.syscalls ?? []).filter(({ names }) => names.includes(call));
    if (naming.length === 0) return isHarmless(rules.defaultAction);
    return naming.every(({ action, args }) => isHarmless(action) && (args ?? []).length === 0);
  });
}

function isHarmless(action: string): boolean {
  return action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG';
}
