/** Options of tmpfs mounts: the later of two that contradict each other wins. */
import { fail } from '#base/errors/failure.ts';
import type { SpecificationMount } from './types.ts';

/** Options that exclude each other share a value. */
const flags = new Map<string, string>([
  ['ro', 'write'],
  ['rw', 'write'],
  ['suid', 'suid'],
  ['nosuid', 'suid'],
  ['dev', 'dev'],
  ['nodev', 'dev'],
  ['exec', 'exec'],
  ['noexec', 'exec'],
  ['sync', 'sync'],
  ['async', 'sync'],
  ['dirsync', 'dirsync'],
  ['remount', 'remount'],
  ['mand', 'mand'],
  ['nomand', 'mand'],
  ['atime', 'atime'],
  ['noatime', 'atime'],
  ['diratime', 'diratime'],
  ['nodiratime', 'diratime'],
  ['relatime', 'relatime'],
  ['norelatime', 'relatime'],
  ['strictatime', 'strictatime'],
  ['nostrictatime', 'strictatime'],
  ...['bind', 'rbind', 'unbindable', 'runbindable', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'].map(
    (name): [string, string] => [name, 'propagation'],
  ),
]);
const valued = new Set(['', 'size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol']);

/** @throws runtime.tmpfs_option_invalid */
export function mergeTmpfsOptions(options: readonly string[]): string[] {
  const merged: string[] = [];
  const seen = new Set<string>();
  for (const option of options.toReversed()) {
    if (option === 'defaults') continue;
    const [name = '', value] = option.split('=', 2);
    const key = flags.get(option) ?? (value !== undefined && valued.has(name) ? `=${name}` : undefined);
    if (key === undefined) throw fail('runtime.tmpfs_option_invalid', { option: name });
    if (seen.has(key)) continue;
    seen.add(key);
    merged.unshift(option);
  }
  return merged;
}

/**
 * A tmpfs as `--tmpfs` and `--mount type=tmpfs` make it; `data` is the comma-separated text after the path.
 * @throws runtime.tmpfs_option_invalid
 */
export function tmpfsMount(destination: string, data: string): SpecificationMount {
  const options = mergeTmpfsOptions(['noexec', 'nosuid', 'nodev', 'rprivate', ...(data === '' ? [] : data.split(','))]);
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}
