/** Who makes the cgroups of containers: `native.cgroupdriver` among the `exec-opts`. */
import type { CgroupDriver } from '#kernel/cgroups/contract.ts';
import { isSliceName, systemdRunning } from '#kernel/cgroups/systemd-scopes.ts';
import { unifiedCgroups } from '#kernel/kernel-features.ts';
import type { OptionValues } from './option-sources.ts';

/** Whether systemd can make cgroups here. */
export interface SystemdFacts {
  readonly running: boolean;
  readonly unified: boolean;
}

/** The first driver that is named counts, as with dockerd. */
export function cgroupDriverOf(values: OptionValues): CgroupDriver {
  return namedDriver(values) === 'systemd' ? 'systemd' : 'cgroupfs';
}

/** Why the driver cannot be had; undefined: it can. Dockerd's words, and runc's where systemd does not run. */
export function driverFault(values: OptionValues, facts: SystemdFacts = { running: systemdRunning(), unified: unifiedCgroups() }): string | undefined {
  const driver = namedDriver(values);
  if (driver === 'none') return 'native.cgroupdriver option none is internally used and cannot be specified manually';
  if (!['', 'cgroupfs', 'systemd'].includes(driver)) return `native.cgroupdriver option ${driver} not supported`;
  if (driver !== 'systemd') return undefined;
  const parent = values.text('cgroup-parent') ?? '';
  if (parent !== '' && !isSliceName(parent)) return 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"';
  if (!facts.running) return 'systemd not running on this host, cannot use systemd cgroups manager: leave native.cgroupdriver=systemd out';
  if (!facts.unified) return 'native.cgroupdriver=systemd requires cgroup v2, and this host has cgroup v1: leave the option out, or start the host with systemd.unified_cgroup_hierarchy=1';
  return undefined;
}

function namedDriver(values: OptionValues): string {
  const option = values.list('exec-opt').find((one) => one.slice(0, one.indexOf('=')).trim() === 'native.cgroupdriver') ?? '';
  return option.slice(option.indexOf('=') + 1).trim();
}
