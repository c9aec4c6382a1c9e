/** Which capabilities a container has, and how their names are written. */
import { fail } from '#base/errors/failure.ts';
import { capabilityNames } from '#kernel/capabilities.ts';

/** What a container has when it asks for nothing. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/**
 * Names in upper case with `CAP_`; `ALL` stays.
 * @throws runtime.capability_unknown, runtime.capability_unavailable (not among `available`)
 */
export function normalizeCapabilities(field: 'CapAdd' | 'CapDrop', names: readonly string[], available: readonly string[]): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === 'ALL') return upper;
    const capability = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (!capabilityNames.includes(capability)) throw fail('runtime.capability_unknown', { field, capability });
    if (!available.includes(capability)) throw fail('runtime.capability_unavailable', { field, capability });
    return capability;
  });
}

/** @throws as `normalizeCapabilities` */
export function capabilitySet(
  settings: { readonly Privileged: boolean; readonly CapAdd: readonly string[] | null; readonly CapDrop: readonly string[] | null },
  available: readonly string[],
): readonly string[] {
  if (settings.Privileged) return available;
  const dropped = normalizeCapabilities('CapDrop', settings.CapDrop ?? [], available);
  const added = normalizeCapabilities('CapAdd', settings.CapAdd ?? [], available);
  if (added.includes('ALL')) return available.filter((name) => !dropped.includes(name));
  const kept = dropped.includes('ALL') ? [] : defaultCapabilities.filter((name) => available.includes(name) && !dropped.includes(name));
  return [...new Set([...kept, ...added])];
}
