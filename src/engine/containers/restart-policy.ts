/** The checks of a restart policy at create and update, with Docker's texts. */
import { fail } from '#base/errors/failure.ts';
import type { RestartPolicy } from '#schema/container-config.ts';

/** @throws container.restart_policy_invalid, container.auto_remove_conflict */
export function checkRestartPolicy(policy: RestartPolicy, autoRemove: boolean): void {
  const invalid = (reason: string): Error => fail('container.restart_policy_invalid', { reason });
  switch (policy.Name) {
    case 'always':
    case 'unless-stopped':
    case 'no':
      if (policy.MaximumRetryCount !== 0) {
        throw invalid(`maximum retry count can only be used with 'on-failure'${policy.MaximumRetryCount < 0 ? ' and cannot be negative' : ''}`);
      }
      break;
    case 'on-failure':
      if (policy.MaximumRetryCount < 0) throw invalid('maximum retry count cannot be negative');
      break;
    case '':
      if (policy.MaximumRetryCount !== 0) throw invalid("maximum retry count can only be used with 'on-failure'");
      break;
    default:
      throw invalid(`unknown policy '${String(policy.Name)}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (autoRemove && policy.Name !== '' && policy.Name !== 'no') throw fail('container.auto_remove_conflict');
}
