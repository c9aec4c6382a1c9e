/** Seccomp rules as the OCI runtime specification spells them (`linux.seccomp`). Pure types. */

/** A condition on a system call's argument. `object`: a number beyond 2^53 made by `JSON.rawJSON`. */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number | object;
  readonly valueTwo?: number | object;
  /** `SCMP_CMP_EQ` and the like. */
  readonly op: string;
}

export interface SeccompCallRule {
  readonly names: readonly string[];
  /** `SCMP_ACT_ALLOW` and the like. */
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

/** `linux.seccomp` of the OCI specification. */
export interface SeccompRules {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  /** `SCMP_ARCH_X86_64` and the like. */
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompCallRule[];
}
