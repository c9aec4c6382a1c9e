/** What a container's specification depends on besides its settings: facts of this machine and ways to look devices up. */
import { availableCapabilities } from '#kernel/capabilities.ts';
import { deviceNumbersAt, devicesAt, hostDevices } from '#kernel/devices.ts';
import { kernelMemoryFileExists, kernelRelease, seccompSupported, sysctlExists } from '#kernel/kernel-features.ts';
import { ownOutOfMemoryScore, ownResourceLimits } from '#kernel/process-limits.ts';
import { thermalThrottlePaths } from '#kernel/processors.ts';
import type { DeviceSource } from './specification/devices.ts';
import type { LimitSource } from './specification/process-limits.ts';
import type { DeviceNumberSource } from './specification/resources.ts';

export interface HostFacts extends DeviceSource, LimitSource {
  /** Capabilities this engine can give away. */
  readonly capabilities: readonly string[];
  /** As seccomp profiles and images name it: `amd64`, `arm64`, … */
  readonly architecture: string;
  readonly kernelRelease: string;
  readonly seccomp: boolean;
  /** Whether there is `/proc/kcore`. */
  readonly kernelMemoryFile: boolean;
  /** To be masked in addition to Docker's fixed list. */
  readonly maskedProcessorPaths: readonly string[];
  readonly sysctlExists: (name: string) => boolean;
  readonly deviceNumbersAt: DeviceNumberSource;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm64: 'arm64', arm: 'arm', riscv64: 'riscv64', s390x: 's390x', ppc64: 'ppc64le' };

/** Reads the facts once; devices are looked up anew each time they are asked for. */
export function readHostFacts(): HostFacts {
  const capabilities = availableCapabilities();
  return {
    capabilities,
    mayRaiseLimits: capabilities.includes('CAP_SYS_RESOURCE'),
    resourceLimits: ownResourceLimits(),
    outOfMemoryScore: ownOutOfMemoryScore(),
    architecture: architectures[process.arch] ?? process.arch,
    kernelRelease: kernelRelease(),
    seccomp: seccompSupported(),
    kernelMemoryFile: kernelMemoryFileExists(),
    maskedProcessorPaths: thermalThrottlePaths(),
    sysctlExists,
    devicesAt,
    hostDevices,
    deviceNumbersAt,
  };
}
