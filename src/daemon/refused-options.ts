/** Options that Docker has and this engine cannot do: better said at the start than found out later. */
import { readSize } from '#base/read-size.ts';
import { selinuxEnabled, unifiedCgroups } from '#kernel/kernel-features.ts';
import { driverFault } from './cgroup-driver.ts';
import type { OptionValues } from './option-sources.ts';

/** Why the daemon does not start with these options; undefined: it does. */
export function refusalOf(values: OptionValues): string | undefined {
  for (const { flag, reason } of refusals) {
    const message = reason(values, flag);
    if (message !== undefined) return message;
  }
  return undefined;
}

const whenOn = (message: string) => (values: OptionValues, flag: string): string | undefined => (values.flag(flag) ? message : undefined);

const refusals: readonly { readonly flag: string; readonly reason: (values: OptionValues, flag: string) => string | undefined }[] = [
  { flag: 'authorization-plugin', reason: (values, flag) => (values.list(flag).length === 0 ? undefined : `authorization plugin ${values.list(flag)[0]} cannot be loaded: this engine has no plugins, and would serve requests that it ought to refuse`) },
  { flag: 'iptables', reason: (values, flag) => (values.flag(flag, true) || values.flag('icc', true) ? undefined : 'You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true') },
  { flag: 'rootless', reason: whenOn('rootless=true cannot be had: this daemon has to run as root') },
  { flag: 'selinux-enabled', reason: (values, flag) => (values.flag(flag) && selinuxEnabled() ? 'selinux-enabled cannot be had: this engine does not label containers; leave the option out' : undefined) },
  { flag: 'exec-opt', reason: (values) => driverFault(values) },
  { flag: 'cpu-rt-period', reason: realTime },
  { flag: 'cpu-rt-runtime', reason: realTime },
  { flag: 'storage-opt', reason: storageOption },
];

/** In dockerd's words. */
function realTime(values: OptionValues): string | undefined {
  if ((values.integer('cpu-rt-period') ?? 0) === 0 && (values.integer('cpu-rt-runtime') ?? 0) === 0) return undefined;
  return unifiedCgroups()
    ? 'daemon-scoped cpu-rt-period and cpu-rt-runtime are not implemented for cgroup v2'
    : 'daemon-scoped cpu-rt-period and cpu-rt-runtime are not supported by the kernel';
}

function storageOption(values: OptionValues): string | undefined {
  for (const option of values.list('storage-opt')) {
    const equals = option.indexOf('=');
    if (equals < 0) return `error initializing graphdriver: unable to parse storage-opt key/value pairs: unable to parse key/value option: "${option}"`;
    const key = option.slice(0, equals).trim().toLowerCase();
    const value = option.slice(equals + 1).trim();
    if (key === 'overlay2.override_kernel_check') continue;
    if (key === 'overlay2.size' || (key === 'size' && values.text('storage-driver') === 'vfs')) {
      const read = readSize(value, 1024);
      if ('problem' in read) return `error initializing graphdriver: ${read.problem}`;
      continue;
    }
    return `error initializing graphdriver: overlay2: unknown option ${key}`;
  }
  return undefined;
}
