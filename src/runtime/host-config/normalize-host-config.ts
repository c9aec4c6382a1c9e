/** Fills what a create request leaves open in `HostConfig`, as Docker stores and shows it. */
import type { HostConfig } from '#schema/container-config.ts';
import { normalizeCapabilities } from '../specification/capability-set.ts';
import { defaultMaskedPaths, defaultReadonlyPaths } from '../specification/paths.ts';

export interface HostConfigDefaults {
  readonly cgroupVersion: 1 | 2;
  readonly capabilities: readonly string[];
  readonly maskedProcessorPaths: readonly string[];
  /** Engine-wide settings; Docker's when undefined. */
  readonly runtime?: string | undefined;
  readonly shmSize?: number | undefined;
  readonly ipcMode?: string | undefined;
  readonly cgroupnsMode?: 'private' | 'host' | undefined;
}

const standardShmSize = 64 * 1024 * 1024;

/**
 * Call it after `verifyResources`, which may discard settings. The lists it returns are new ones.
 * @throws runtime.capability_unknown, runtime.capability_unavailable
 */
export function normalizeHostConfig(config: HostConfig, defaults: HostConfigDefaults): HostConfig {
  // Checked here, kept as they were given.
  normalizeCapabilities('CapAdd', config.CapAdd ?? [], defaults.capabilities);
  normalizeCapabilities('CapDrop', config.CapDrop ?? [], defaults.capabilities);
  const ipcMode = config.IpcMode === '' ? (defaults.ipcMode ?? 'private') : config.IpcMode;
  const restartName = config.RestartPolicy.Name === '' ? 'no' : config.RestartPolicy.Name;
  return {
    ...config,
    NetworkMode: ['', 'default'].includes(config.NetworkMode) ? 'bridge' : config.NetworkMode,
    PidsLimit: config.PidsLimit !== null && config.PidsLimit > 0 ? config.PidsLimit : null,
    RestartPolicy: { ...config.RestartPolicy, Name: restartName },
    MemorySwap: config.Memory > 0 && config.MemorySwap === 0 ? config.Memory * 2 : config.MemorySwap,
    ShmSize: config.ShmSize === 0 ? (defaults.shmSize ?? standardShmSize) : config.ShmSize,
    IpcMode: ipcMode,
    CgroupnsMode: config.CgroupnsMode === '' ? defaultCgroupNamespace(config, defaults) : config.CgroupnsMode,
    OomKillDisable: config.OomKillDisable ?? (defaults.cgroupVersion === 1 ? false : null),
    Runtime: config.Runtime === '' ? (defaults.runtime ?? 'runc') : config.Runtime,
    SecurityOpt: withLabels(config, ipcMode),
    MaskedPaths: config.MaskedPaths ?? (config.Privileged ? null : [...defaultMaskedPaths, ...defaults.maskedProcessorPaths]),
    ReadonlyPaths: config.ReadonlyPaths ?? (config.Privileged ? null : [...defaultReadonlyPaths]),
  };
}

function defaultCgroupNamespace(config: HostConfig, defaults: HostConfigDefaults): 'private' | 'host' {
  if (config.Privileged && defaults.cgroupVersion === 1) return 'host';
  return defaults.cgroupnsMode ?? (defaults.cgroupVersion === 2 ? 'private' : 'host');
}

/** Docker tells SELinux to leave containers alone that share namespaces with the host, also where there is no SELinux. */
function withLabels(config: HostConfig, ipcMode: string): string[] | null {
  const labelled = (config.SecurityOpt ?? []).some((option) => option.split('=', 1)[0] === 'label');
  const open = config.Privileged || ipcMode === 'host' || config.PidMode === 'host';
  return labelled || !open ? config.SecurityOpt : [...(config.SecurityOpt ?? []), 'label=disable'];
}
