/** Reads `HostConfig.SecurityOpt`. */
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';

export interface SecurityOptions {
  /** Undefined: not said. */
  readonly noNewPrivileges: boolean | undefined;
  /** Undefined: as the container is privileged or not. */
  readonly writableCgroups: boolean | undefined;
  /** Empty: the default one. */
  readonly apparmorProfile: string;
  /** Empty: the default one; `unconfined`, `builtin`, or a profile's JSON text. */
  readonly seccompProfile: string;
}

/** @throws runtime.security_option_invalid with Docker's text */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges: boolean | undefined;
  let writableCgroups: boolean | undefined;
  let apparmorProfile = '';
  let seccompProfile = '';
  for (const option of options) {
    // SELinux labels have no effect here; Docker without SELinux takes them as well.
    if (option === 'disable') continue;
    if (option === 'no-new-privileges') {
      noNewPrivileges = true;
      continue;
    }
    if (option === 'writable-cgroups') {
      writableCgroups = true;
      continue;
    }
    const separator = option.includes('=') ? option.indexOf('=') : option.indexOf(':');
    if (separator < 0) throw fail('runtime.security_option_invalid', { check: 1, option });
    const value = option.slice(separator + 1);
    switch (option.slice(0, separator)) {
      case 'label':
        break;
      case 'apparmor':
        apparmorProfile = value;
        break;
      case 'seccomp':
        seccompProfile = value;
        break;
      case 'no-new-privileges':
        noNewPrivileges = truth(value, option);
        break;
      case 'writable-cgroups':
        writableCgroups = truth(value, option);
        break;
      default:
        throw fail('runtime.security_option_invalid', { check: 2, option });
    }
  }
  return { noNewPrivileges, writableCgroups, apparmorProfile, seccompProfile };
}

function truth(text: string, option: string): boolean {
  const value = parseGoBoolean(text);
  if (value === undefined) throw fail('runtime.security_option_invalid', { check: 2, option });
  return value;
}
