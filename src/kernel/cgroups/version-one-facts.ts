/** What the controllers of version 1 offer, read from the files at their roots. */
import { existsSync } from 'node:fs';
import type { CgroupFacts } from './contract.ts';
import { readSetting } from './control-file.ts';
import type { Hierarchy } from './hierarchies.ts';

export function versionOneFacts(hierarchies: readonly Hierarchy[]): CgroupFacts {
  const rootOf = (controller: string): string | undefined => hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller))?.mountPoint;
  const has = (controller: string, file: string): boolean => {
    const root = rootOf(controller);
    return root !== undefined && existsSync(`${root}/${file}`);
  };
  const cpuset = rootOf('cpuset');
  return {
    version: 1,
    memoryLimit: rootOf('memory') !== undefined,
    swapLimit: has('memory', 'memory.memsw.limit_in_bytes'),
    memoryReservation: has('memory', 'memory.soft_limit_in_bytes'),
    memorySwappiness: has('memory', 'memory.swappiness'),
    oomKillDisable: has('memory', 'memory.oom_control'),
    tcpMemoryLimit: has('memory', 'memory.kmem.tcp.limit_in_bytes'),
    cpuShares: has('cpu', 'cpu.shares'),
    cpuQuota: has('cpu', 'cpu.cfs_quota_us'),
    cpuRealtime: has('cpu', 'cpu.rt_period_us'),
    cpuset: cpuset !== undefined,
    processors: cpuset === undefined ? '' : (readSetting(`${cpuset}/cpuset.cpus`) ?? ''),
    memoryNodes: cpuset === undefined ? '' : (readSetting(`${cpuset}/cpuset.mems`) ?? ''),
    pidsLimit: rootOf('pids') !== undefined,
    devices: rootOf('devices') !== undefined,
    blockWeight: has('blkio', 'blkio.weight'),
    blockWeightDevice: has('blkio', 'blkio.weight_device'),
    blockReadBytes: has('blkio', 'blkio.throttle.read_bps_device'),
    blockWriteBytes: has('blkio', 'blkio.throttle.write_bps_device'),
    blockReadOperations: has('blkio', 'blkio.throttle.read_iops_device'),
    blockWriteOperations: has('blkio', 'blkio.throttle.write_iops_device'),
    namespaces: existsSync('/proc/self/ns/cgroup'),
  };
}
