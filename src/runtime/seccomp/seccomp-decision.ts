/** Which seccomp rules a container gets, from its settings. */
import { fail } from '#base/errors/failure.ts';
import type { SeccompRules } from '#kernel/seccomp-rules.ts';
import { defaultSeccompProfile } from './default-profile.ts';
import { parseSeccompProfile, seccompRules, type SeccompCircumstances } from './seccomp-profile.ts';

export interface SeccompRequest extends SeccompCircumstances {
  /** Of the security options: empty, `unconfined`, `builtin`, or a profile's JSON text. */
  readonly profile: string;
  readonly privileged: boolean;
  /** Whether the kernel has seccomp filters. */
  readonly supported: boolean;
}

/**
 * The rules, or undefined for none: privileged containers have none unless they name a profile.
 * @throws runtime.seccomp_profile_invalid, runtime.seccomp_missing
 */
export function decideSeccomp(request: SeccompRequest): SeccompRules | undefined {
  if (request.profile === 'unconfined') return undefined;
  if (request.privileged && request.profile === '') return undefined;
  const custom = request.profile !== '' && request.profile !== 'builtin';
  if (!request.supported) {
    if (custom) throw fail('runtime.seccomp_missing');
    return undefined;
  }
  return seccompRules(custom ? parseSeccompProfile(request.profile) : defaultSeccompProfile, request);
}
