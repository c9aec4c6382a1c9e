/**
 * Checks the limits of a create or update request against each other and this machine, in Docker's order
 * and words. What the machine cannot do is discarded with a warning.
 */
import { fail } from '#base/errors/failure.ts';
import { parseNumberList } from '#base/number-list.ts';
import type { HostConfig } from '#schema/container-config.ts';
import type { CgroupFacts } from '#kernel/cgroups/contract.ts';

export interface MachineFacts {
  readonly cgroups: CgroupFacts;
  readonly processorCount: number;
}

/** The settings after discarding, with the warnings for the client. */
export interface VerifiedResources<Config> {
  readonly config: Config;
  readonly warnings: string[];
}

export type VerifiedSettings = Pick<
  HostConfig,
  | 'Memory'
  | 'MemorySwap'
  | 'MemorySwappiness'
  | 'MemoryReservation'
  | 'OomKillDisable'
  | 'PidsLimit'
  | 'NanoCpus'
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'CpuShares'
  | 'CpuPercent'
  | 'CpuRealtimePeriod'
  | 'CpuRealtimeRuntime'
  | 'CpusetCpus'
  | 'CpusetMems'
  | 'BlkioWeight'
  | 'BlkioWeightDevice'
  | 'BlkioDeviceReadBps'
  | 'BlkioDeviceWriteBps'
  | 'BlkioDeviceReadIOps'
  | 'BlkioDeviceWriteIOps'
  | 'IOMaximumBandwidth'
  | 'IOMaximumIOps'
>;

/** Docker's floor: below it hardly any process starts. */
const minimumMemory = 6 * 1024 * 1024;
/** More than any kernel has; keeps lists small. */
const largestProcessor = 8192;

/** @throws runtime.setting_invalid with Docker's text */
export function verifyResources<Config extends VerifiedSettings>(
  config: Config,
  machine: MachineFacts,
  options: { readonly update?: boolean } = {},
): VerifiedResources<Config> {
  const draft: Config = { ...config };
  const warnings: string[] = [];
  verifyRealtime(draft, machine.cgroups);
  verifyMemory(draft, machine.cgroups, warnings, options.update === true);
  verifyProcessors(draft, machine, warnings);
  verifyCpuset(draft, machine.cgroups, warnings);
  verifyBlockIO(draft, machine.cgroups, warnings);
  return { config: draft, warnings };
}

function refuse(message: string): Error {
  return fail('runtime.setting_invalid', { message });
}

/** What Docker checks while it reads the request. */
function verifyRealtime(draft: VerifiedSettings, facts: CgroupFacts): void {
  if (draft.IOMaximumBandwidth !== 0) throw refuse('invalid option: QoS maximum bandwidth configuration is not supported on linux');
  if (draft.IOMaximumIOps !== 0) throw refuse('invalid option: QoS maximum IOPs configuration is not supported on linux');
  const { CpuRealtimePeriod: period, CpuRealtimeRuntime: runtime } = draft;
  if ((period !== 0 || runtime !== 0) && !facts.cpuRealtime) throw refuse('kernel does not support CPU real-time scheduler');
  if (period !== 0 && runtime !== 0 && runtime > period) throw refuse('cpu real-time runtime cannot be higher than cpu real-time period');
  if (facts.cpuShares && draft.CpuShares < 0) throw refuse(`invalid CPU shares (${draft.CpuShares}): value must be a positive integer`);
}

function verifyMemory(draft: VerifiedSettings, facts: CgroupFacts, warnings: string[], update: boolean): void {
  if (draft.MemorySwappiness === -1) draft.MemorySwappiness = null;
  if (draft.Memory !== 0 && draft.Memory < minimumMemory) throw refuse('Minimum memory limit allowed is 6MB');
  if (draft.Memory > 0 && !facts.memoryLimit) {
    warnings.push('Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.');
    draft.Memory = 0;
    draft.MemorySwap = -1;
  }
  if (draft.Memory > 0 && draft.MemorySwap !== -1 && !facts.swapLimit) {
    warnings.push('Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.');
    draft.MemorySwap = -1;
  }
  if (draft.Memory > 0 && draft.MemorySwap > 0 && draft.MemorySwap < draft.Memory) {
    throw refuse('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (draft.Memory === 0 && draft.MemorySwap > 0 && !update) {
    throw refuse('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (draft.MemorySwappiness !== null && !facts.memorySwappiness) {
    warnings.push('Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.');
    draft.MemorySwappiness = null;
  }
  if (draft.MemorySwappiness !== null && (draft.MemorySwappiness < 0 || draft.MemorySwappiness > 100)) {
    throw refuse(`Invalid value: ${draft.MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (draft.MemoryReservation > 0 && !facts.memoryReservation) {
    warnings.push('Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.');
    draft.MemoryReservation = 0;
  }
  if (draft.MemoryReservation > 0 && draft.MemoryReservation < minimumMemory) throw refuse('Minimum memory reservation allowed is 6MB');
  if (draft.Memory > 0 && draft.MemoryReservation > 0 && draft.Memory < draft.MemoryReservation) {
    throw refuse('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  if (draft.OomKillDisable !== null && !facts.oomKillDisable) {
    if (draft.OomKillDisable) warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.');
    draft.OomKillDisable = null;
  }
  if (draft.OomKillDisable === true && draft.Memory === 0) {
    warnings.push('OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.');
  }
  if (draft.PidsLimit !== null && !facts.pidsLimit) {
    if (draft.PidsLimit > 0) warnings.push('Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.');
    draft.PidsLimit = null;
  }
}

function verifyProcessors(draft: VerifiedSettings, machine: MachineFacts, warnings: string[]): void {
  const facts = machine.cgroups;
  if (draft.NanoCpus > 0 && draft.CpuPeriod > 0) throw refuse('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (draft.NanoCpus > 0 && draft.CpuQuota > 0) throw refuse('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (draft.NanoCpus > 0 && !facts.cpuQuota) {
    throw refuse('NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted');
  }
  const count = machine.processorCount;
  if (draft.NanoCpus < 0 || draft.NanoCpus > count * 1e9) {
    throw refuse(`range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`);
  }
  if (draft.CpuShares > 0 && !facts.cpuShares) {
    warnings.push('Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.');
    draft.CpuShares = 0;
  }
  if ((draft.CpuPeriod !== 0 || draft.CpuQuota !== 0) && !facts.cpuQuota) {
    warnings.push('Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.');
    draft.CpuPeriod = 0;
    draft.CpuQuota = 0;
  }
  if (draft.CpuPeriod !== 0 && (draft.CpuPeriod < 1000 || draft.CpuPeriod > 1_000_000)) {
    throw refuse('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (draft.CpuQuota > 0 && draft.CpuQuota < 1000) throw refuse('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (draft.CpuPercent > 0) {
    warnings.push('linux does not support CPU percent. Percent discarded.');
    draft.CpuPercent = 0;
  }
}

function verifyCpuset(draft: VerifiedSettings, facts: CgroupFacts, warnings: string[]): void {
  if ((draft.CpusetCpus !== '' || draft.CpusetMems !== '') && !facts.cpuset) {
    warnings.push('Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.');
    draft.CpusetCpus = '';
    draft.CpusetMems = '';
  }
  checkList(draft.CpusetCpus, facts.processors, 'cpuset cpus', 'CPUs');
  checkList(draft.CpusetMems, facts.memoryNodes, 'cpuset mems', 'memory nodes');
}

function checkList(requested: string, available: string, option: string, things: string): void {
  const present = parseNumberList(available);
  const wanted = parseNumberList(requested, largestProcessor);
  if (typeof wanted === 'string') throw refuse(`Invalid value ${requested} for ${option}: ${wanted}`);
  if (typeof present !== 'string' && !wanted.isSubsetOf(present)) {
    throw refuse(`Requested ${things} are not available - requested ${requested}, available: ${available}`);
  }
}

function verifyBlockIO(draft: VerifiedSettings, facts: CgroupFacts, warnings: string[]): void {
  if (draft.BlkioWeight > 0 && !facts.blockWeight) {
    warnings.push('Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.');
    draft.BlkioWeight = 0;
  }
  if (draft.BlkioWeight > 0 && (draft.BlkioWeight < 10 || draft.BlkioWeight > 1000)) throw refuse('Range of blkio weight is from 10 to 1000');
  if (!facts.blockWeightDevice && isGiven(draft.BlkioWeightDevice)) {
    warnings.push('Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.');
    draft.BlkioWeightDevice = [];
  }
  if (!facts.blockReadBytes && isGiven(draft.BlkioDeviceReadBps)) {
    warnings.push('Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.');
    draft.BlkioDeviceReadBps = [];
  }
  if (!facts.blockWriteBytes && isGiven(draft.BlkioDeviceWriteBps)) {
    warnings.push('Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.');
    draft.BlkioDeviceWriteBps = [];
  }
  if (!facts.blockReadOperations && isGiven(draft.BlkioDeviceReadIOps)) {
    warnings.push('Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.');
    draft.BlkioDeviceReadIOps = [];
  }
  if (!facts.blockWriteOperations && isGiven(draft.BlkioDeviceWriteIOps)) {
    warnings.push('Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.');
    draft.BlkioDeviceWriteIOps = [];
  }
}

function isGiven(list: readonly unknown[] | null): boolean {
  return list !== null && list.length > 0;
}
