/** The parts of the OCI runtime specification 1.0.2 that the engine writes. Fields not set are left out. */
import type { CgroupResources } from '#kernel/cgroups/contract.ts';
import type { SeccompRules } from '#kernel/seccomp-rules.ts';

export interface SpecificationMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface SpecificationUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** `object`: a number beyond 2^53 made by `JSON.rawJSON`, so that it is written exactly. */
export type WideNumber = number | object;

export interface SpecificationLimit {
  readonly type: string;
  readonly soft: WideNumber;
  readonly hard: WideNumber;
}

export interface SpecificationCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface SpecificationProcess {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: SpecificationUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: SpecificationCapabilities;
  readonly rlimits?: readonly SpecificationLimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
}

export interface SpecificationNamespace {
  readonly type: 'user' | 'mount' | 'network' | 'uts' | 'pid' | 'ipc' | 'cgroup';
  readonly path?: string;
}

export interface SpecificationDevice {
  readonly path: string;
  readonly type: 'b' | 'c' | 'p';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** As {@link IdentityRange}, by the specification's names. */
export interface SpecificationIdentityRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface SpecificationLinux {
  readonly uidMappings?: readonly SpecificationIdentityRange[];
  readonly gidMappings?: readonly SpecificationIdentityRange[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly resources: CgroupResources;
  readonly cgroupsPath: string;
  readonly namespaces: readonly SpecificationNamespace[];
  readonly devices?: readonly SpecificationDevice[];
  readonly seccomp?: SeccompRules;
  readonly rootfsPropagation?: string;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface SpecificationHook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface RuntimeSpecification {
  readonly ociVersion: string;
  readonly process: SpecificationProcess;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  /** Of the specification 1.1. */
  readonly domainname?: string;
  readonly mounts: readonly SpecificationMount[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** By their point in time. */
  readonly hooks?: Readonly<Record<string, readonly SpecificationHook[]>>;
  readonly linux: SpecificationLinux;
}
