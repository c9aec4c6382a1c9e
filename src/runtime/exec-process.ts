/** Makes the OCI `process` of a command that is executed in a running container. */
import { buildEnvironment } from './specification/environment.ts';
import { exactLimits } from './specification/process-limits.ts';
import type { SpecificationProcess } from './specification/types.ts';
import type { ResolvedUser } from './users/resolve-user.ts';

export interface ExecProcessInput {
  /** The container's own process, of its specification, maybe read back from JSON. */
  readonly container: SpecificationProcess;
  /** `Config.Env` of the container, its hostname and the variables of its links. */
  readonly containerEnv: readonly string[];
  readonly hostname: string;
  readonly linkEnv?: readonly string[] | undefined;
  readonly args: readonly string[];
  /** Laid over the container's environment. */
  readonly env: readonly string[];
  /** Empty: the container's. */
  readonly workingDirectory: string;
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly user: ResolvedUser;
  /** Gives all of `availableCapabilities`. */
  readonly privileged: boolean;
  readonly availableCapabilities: readonly string[];
}

/** Limits and restrictions are those of the container's process; TERM and HOME are the command's own. */
export function buildExecProcess(input: ExecProcessInput): SpecificationProcess {
  const { container } = input;
  const capabilities = input.privileged
    ? { bounding: input.availableCapabilities, effective: input.availableCapabilities, permitted: input.availableCapabilities }
    : container.capabilities;
  return {
    ...(input.terminal ? { terminal: true } : {}),
    ...(input.terminal && input.consoleSize !== undefined ? { consoleSize: input.consoleSize } : {}),
    user: { uid: input.user.uid, gid: input.user.gid, additionalGids: input.user.additionalGids },
    args: input.args,
    env: buildEnvironment({
      variables: [...input.containerEnv, ...input.env],
      hostname: input.hostname,
      terminal: input.terminal,
      links: input.linkEnv,
      home: input.user.home,
    }),
    cwd: input.workingDirectory === '' ? container.cwd : input.workingDirectory,
    capabilities,
    ...(container.rlimits === undefined ? {} : { rlimits: exactLimits(container.rlimits) }),
    ...(container.noNewPrivileges === undefined ? {} : { noNewPrivileges: container.noNewPrivileges }),
    ...(container.apparmorProfile === undefined ? {} : { apparmorProfile: container.apparmorProfile }),
    ...(container.oomScoreAdj === undefined ? {} : { oomScoreAdj: container.oomScoreAdj }),
  };
}
