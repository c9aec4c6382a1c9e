/**
 * Makes the OCI runtime specification of a container out of its settings: a pure function of its input.
 * What Docker 28 writes for the same settings is written, in the same order; both crun and runc take it.
 */
import { countOf, type IdentityMapping, type IdentityRange } from '#base/identity-mapping.ts';
import type { HostConfig, Ulimit } from '#schema/container-config.ts';
import type { HostFacts } from './host-facts.ts';
import { seccompProgramAnnotation } from './seccomp/precompiled.ts';
import { decideSeccomp } from './seccomp/seccomp-decision.ts';
import { capabilitySet } from './specification/capability-set.ts';
import { containerDevices } from './specification/devices.ts';
import { buildEnvironment } from './specification/environment.ts';
import { containerMounts, initDestination, rootPropagation, type NetworkFiles } from './specification/mounts.ts';
import { namespaces, type NamespacePaths } from './specification/namespaces.ts';
import { defaultMaskedPaths, defaultReadonlyPaths } from './specification/paths.ts';
import { outOfMemoryScore, processLimits } from './specification/process-limits.ts';
import { cgroupResources } from './specification/resources.ts';
import { parseSecurityOptions } from './specification/security-options.ts';
import { sysctls } from './specification/sysctls.ts';
import type { RuntimeSpecification, SpecificationIdentityRange, SpecificationMount, SpecificationProcess } from './specification/types.ts';
import type { ResolvedUser } from './users/resolve-user.ts';

export interface SpecificationInput {
  /** Mounted root filesystem. */
  readonly rootfs: string;
  readonly process: {
    /** Entry point and command together. */
    readonly args: readonly string[];
    /** `Config.Env`, the image's variables among them. */
    readonly env: readonly string[];
    readonly linkEnv?: readonly string[] | undefined;
    /** Empty: `/`. */
    readonly workingDirectory: string;
    readonly terminal: boolean;
    readonly user: ResolvedUser;
  };
  readonly hostname: string;
  readonly domainname: string;
  /** As `normalizeHostConfig` leaves it. */
  readonly hostConfig: HostConfig;
  readonly namespaces: NamespacePaths;
  /** Of the user namespace, where there is one. */
  readonly mapping?: IdentityMapping | undefined;
  readonly files: NetworkFiles;
  /** Directory of shared memory for `IpcMode` shareable, host (`/dev/shm`) and `container:…`. */
  readonly sharedMemory?: string | undefined;
  /** Binds, volumes and tmpfs mounts other than those of `HostConfig.Tmpfs`. */
  readonly mounts: readonly SpecificationMount[];
  /** Absolute path of the init program; undefined: none is wanted. Used only with a pid namespace of its own. */
  readonly init?: string | undefined;
  readonly cgroupsPath: string;
  /** What the engine does for containers that say nothing themselves. */
  readonly defaults?: SpecificationDefaults | undefined;
  readonly host: HostFacts;
}

export interface SpecificationDefaults {
  readonly noNewPrivileges: boolean;
  /** Empty: Docker's; `unconfined`, or a profile's JSON text. */
  readonly seccompProfile: string;
  /** Limits of a name that the container sets itself are the container's. */
  readonly ulimits: readonly Ulimit[];
}

/** crun 1.8 refuses later versions. */
const ociVersion = '1.0.2';

/**
 * @throws runtime.device_unavailable, runtime.device_rule_invalid, runtime.device_driver_missing,
 * runtime.throttled_device_unavailable, runtime.tmpfs_option_invalid, runtime.seccomp_profile_invalid,
 * runtime.seccomp_missing, runtime.capability_unknown, runtime.capability_unavailable, runtime.start_failed
 */
export function buildRuntimeSpecification(input: SpecificationInput): RuntimeSpecification {
  const { hostConfig, host } = input;
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  const capabilities = capabilitySet(hostConfig, host.capabilities);
  const devices = containerDevices(hostConfig, host);
  const init = runsInit(input) ? input.init : undefined;
  const mounts = containerMounts({
    settings: hostConfig,
    files: input.files,
    sharedMemory: input.sharedMemory,
    mounts: input.mounts,
    init,
    writableCgroups: security.writableCgroups ?? hostConfig.Privileged,
  });
  const seccomp = decideSeccomp({
    profile: security.seccompProfile === '' ? (input.defaults?.seccompProfile ?? '') : security.seccompProfile,
    privileged: hostConfig.Privileged,
    supported: host.seccomp,
    architecture: host.architecture,
    kernelRelease: host.kernelRelease,
    capabilities,
  });
  const masked = hostConfig.MaskedPaths ?? (hostConfig.Privileged ? [] : [...defaultMaskedPaths, ...host.maskedProcessorPaths]);
  const readonly = hostConfig.ReadonlyPaths ?? (hostConfig.Privileged ? [] : defaultReadonlyPaths);
  const propagation = rootPropagation(mounts);
  // With the host's names the runtime refuses a domain name.
  const { domainname } = input;
  // A container's root of its own may call setdomainname, but not write the file.
  const bySysctl = input.mapping === undefined;
  const specification: RuntimeSpecification = {
    ociVersion,
    process: containerProcess(input, { init, capabilities, noNewPrivileges: security.noNewPrivileges ?? input.defaults?.noNewPrivileges ?? false }),
    root: { path: input.rootfs, ...(hostConfig.ReadonlyRootfs ? { readonly: true } : {}) },
    ...(hostConfig.UTSMode === 'host' ? {} : { hostname: input.hostname }),
    ...(bySysctl || domainname === '' || hostConfig.UTSMode === 'host' ? {} : { domainname }),
    mounts,
    ...annotations(hostConfig.Annotations ?? {}),
    linux: {
      sysctl: sysctls(hostConfig, bySysctl || hostConfig.UTSMode === 'host' ? domainname : '', host.sysctlExists, input.mapping && countOf(input.mapping.gids)),
      resources: cgroupResources(hostConfig, devices.rules, host.deviceNumbersAt),
      cgroupsPath: input.cgroupsPath,
      namespaces: namespaces(hostConfig, input.namespaces),
      ...(input.mapping !== undefined && { uidMappings: input.mapping.uids.map(specified), gidMappings: input.mapping.gids.map(specified) }),
      ...(devices.nodes.length === 0 ? {} : { devices: devices.nodes }),
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...(masked.length === 0 ? {} : { maskedPaths: masked }),
      ...(readonly.length === 0 ? {} : { readonlyPaths: readonly }),
    },
  };
  return specification;
}

function specified({ containerId, hostId, size }: IdentityRange): SpecificationIdentityRange {
  return { containerID: containerId, hostID: hostId, size };
}

/** The annotation by which crun takes a filter program is the engine's: from outside it would undo the seccomp rules. */
function annotations(given: Readonly<Record<string, string>>): { annotations?: Record<string, string> } {
  const kept = Object.entries(given).filter(([name]) => name !== seccompProgramAnnotation);
  return kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) };
}

function runsInit(input: SpecificationInput): boolean {
  const mode = input.hostConfig.PidMode;
  return input.init !== undefined && mode !== 'host' && !mode.startsWith('container:');
}

interface ProcessParts {
  readonly init: string | undefined;
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
}

function containerProcess(input: SpecificationInput, parts: ProcessParts): SpecificationProcess {
  const { process, hostConfig, host } = input;
  const [height, width] = hostConfig.ConsoleSize;
  const limits = processLimits(withDefaultLimits(hostConfig.Ulimits ?? [], input.defaults?.ulimits ?? []), host);
  return {
    ...(process.terminal ? { terminal: true } : {}),
    ...(process.terminal && (height > 0 || width > 0) ? { consoleSize: { height, width } } : {}),
    user: { uid: process.user.uid, gid: process.user.gid, additionalGids: process.user.additionalGids },
    args: parts.init === undefined ? process.args : [initDestination, '--', ...process.args],
    env: buildEnvironment({
      variables: process.env,
      hostname: input.hostname,
      terminal: process.terminal,
      links: process.linkEnv,
      home: process.user.home,
    }),
    cwd: process.workingDirectory === '' ? '/' : process.workingDirectory,
    capabilities: { bounding: parts.capabilities, effective: parts.capabilities, permitted: parts.capabilities },
    ...(limits.length === 0 ? {} : { rlimits: limits }),
    ...(parts.noNewPrivileges ? { noNewPrivileges: true } : {}),
    oomScoreAdj: outOfMemoryScore(hostConfig.OomScoreAdj, host),
  };
}

function withDefaultLimits(own: readonly Ulimit[], defaults: readonly Ulimit[]): readonly Ulimit[] {
  const named = new Set(own.map(({ Name }) => Name));
  return [...own, ...defaults.filter(({ Name }) => !named.has(Name))];
}
