/**
 * Control groups, version 1 (also the hybrid layout) and 2, behind one interface. Paths are those of the
 * specification's `cgroupsPath`: absolute within every hierarchy, e.g. `/dhow/<id>`.
 */

/** A rule of the device controller, `linux.resources.devices` of the OCI specification. Numbers: undefined or -1 is any. */
export interface CgroupDeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'b' | 'c' | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly access: string;
}

export interface CgroupThrottle {
  readonly major: number;
  readonly minor: number;
  /** Bytes or operations per second. */
  readonly rate: number;
}

/** `linux.resources` of the OCI specification. */
export interface CgroupResources {
  readonly devices?: readonly CgroupDeviceRule[];
  readonly memory?: {
    /** Bytes; -1: no limit. */
    readonly limit?: number;
    readonly reservation?: number;
    /** Memory and swap together, in bytes; -1: no limit. */
    readonly swap?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    /** Microseconds per period; -1: no limit. */
    readonly quota?: number;
    readonly period?: number;
    readonly realtimeRuntime?: number;
    readonly realtimePeriod?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  /** Limit -1: none. */
  readonly pids?: { readonly limit: number };
  readonly blockIO?: {
    readonly weight?: number;
    readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
    readonly throttleReadBpsDevice?: readonly CgroupThrottle[];
    readonly throttleWriteBpsDevice?: readonly CgroupThrottle[];
    readonly throttleReadIOPSDevice?: readonly CgroupThrottle[];
    readonly throttleWriteIOPSDevice?: readonly CgroupThrottle[];
  };
}

/** How a process gets into its cgroup: by joining through `tasks` files, or by the runtime. */
export type CgroupPlacement = { readonly kind: 'join'; readonly tasksFiles: readonly string[] } | { readonly kind: 'runtime' };

/** Bytes or operations of one kind on one device. */
export interface BlockStatistic {
  readonly major: number;
  readonly minor: number;
  /** `read`, `write`, …, in lower case. */
  readonly operation: string;
  readonly value: number;
}

/** Raw numbers as the kernel counts them; what a hierarchy does not tell is undefined. */
export interface CgroupStatistics {
  readonly cpu: {
    /** Nanoseconds. */
    readonly total: number | undefined;
    readonly user: number | undefined;
    readonly system: number | undefined;
    /** Nanoseconds per processor; cgroup v1 only. */
    readonly perProcessor: readonly number[] | undefined;
    readonly periods: number;
    readonly throttledPeriods: number;
    /** Nanoseconds. */
    readonly throttledTime: number;
  };
  readonly memory: {
    /** Bytes. */
    readonly usage: number | undefined;
    /** Highest usage so far; cgroup v1 only. */
    readonly maxUsage: number | undefined;
    readonly limit: number | undefined;
    readonly failures: number | undefined;
    /** memory.stat as it is. */
    readonly details: Readonly<Record<string, number>>;
  };
  readonly pids: {
    readonly current: number | undefined;
    /** 0: no limit. */
    readonly limit: number | undefined;
  };
  readonly blockIO: {
    readonly bytes: readonly BlockStatistic[];
    readonly operations: readonly BlockStatistic[];
  };
}

/** What the controllers of this machine can do; the questions Docker asks at create and in `info`. */
export interface CgroupFacts {
  readonly version: 1 | 2;
  readonly memoryLimit: boolean;
  readonly swapLimit: boolean;
  readonly memoryReservation: boolean;
  readonly memorySwappiness: boolean;
  readonly oomKillDisable: boolean;
  /** Of the memory of TCP's buffers alone. */
  readonly tcpMemoryLimit: boolean;
  readonly cpuShares: boolean;
  readonly cpuQuota: boolean;
  readonly cpuRealtime: boolean;
  readonly cpuset: boolean;
  /** Lists as the kernel writes them, e.g. `0-1`; empty when unknown. */
  readonly processors: string;
  readonly memoryNodes: string;
  readonly pidsLimit: boolean;
  readonly devices: boolean;
  readonly blockWeight: boolean;
  readonly blockWeightDevice: boolean;
  readonly blockReadBytes: boolean;
  readonly blockWriteBytes: boolean;
  readonly blockReadOperations: boolean;
  readonly blockWriteOperations: boolean;
  readonly namespaces: boolean;
}

/** Who makes the cgroups of containers: the engine with its OCI runtime, or systemd for them. */
export type CgroupDriver = 'cgroupfs' | 'systemd';

export interface CgroupManager {
  readonly version: 1 | 2;
  readonly facts: CgroupFacts;
  /**
   * Prepares the cgroup of a container. With version 1 it is made in every hierarchy with its limits
   * written, all or nothing; making one that is there empties no process but writes the limits anew.
   * With version 2 that is left to the runtime.
   * @throws kernel.cgroup_setting_refused when the kernel refuses a limit
   */
  create(path: string, resources: CgroupResources): CgroupPlacement;
  /** How another process joins a running container's cgroup (`exec`). */
  placement(path: string): CgroupPlacement;
  exists(path: string): boolean;
  /** Removes it with what lies below, if it has no process; tries for some milliseconds. False: something is left for `list` to find. */
  remove(path: string): Promise<boolean>;
  /** Whether the kernel killed a process in it for lack of memory. */
  oomKilled(path: string): boolean;
  /** Pids of all processes in it and below, as this process sees them, in ascending order. */
  processes(path: string): number[];
  /** Sends SIGKILL to everything in it and below, also what is being forked meanwhile. */
  kill(path: string): Promise<void>;
  /** Whether it is frozen, or is being. */
  frozen(path: string): boolean;
  /** Resolves when every process has stopped. @throws the signal's reason; the cgroup is then thawed again */
  freeze(path: string, signal?: AbortSignal): Promise<void>;
  thaw(path: string): Promise<void>;
  /** @throws kernel.cgroup_setting_refused */
  update(path: string, resources: CgroupResources): void;
  statistics(path: string): CgroupStatistics;
  /** Highest use of memory so far in bytes; undefined where the kernel does not keep it. */
  memoryPeak(path: string): number | undefined;
  /** Names of the cgroups right below `parent`, in any hierarchy. */
  list(parent: string): string[];
}
