/**
 * Turns a container's record into what the shim launcher runs: bundle, cgroups, seccomp filter. Kept
 * apart from the life cycle, which knows nothing of OCI.
 */
import type { CgroupStatistics } from '#kernel/cgroups/contract.ts';
import type { ContainerLaunch, ExecLaunch } from '#runtime/contract.ts';
import type { ContainerConfig, ExecRequest, HostConfig, UpdateRequest } from '#schema/container-config.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';
import type { ContainerFiles } from '../containers/container-files.ts';
import type { ContainerRecord } from '../containers/container-record.ts';

export interface ContainerPlace {
  /** Mounted root file system. */
  readonly rootfs: string;
  /** Undefined: the host's. */
  readonly networkNamespace: string | undefined;
  /** Undefined: the host's users. */
  readonly userNamespace?: string | undefined;
  /** A build's step has no `/etc/hostname` of its own. */
  readonly files: Omit<ContainerFiles, 'hostname'> & { readonly hostname?: string | undefined };
  /** Binds, volumes and tmpfs, ready. */
  readonly mounts: readonly SpecificationMount[];
  /** Directory of shared memory for `IpcMode` shareable, host and `container:`. */
  readonly sharedMemory?: string | undefined;
  /** Finds a running container for `container:` modes: its pid. @throws with Docker's text */
  readonly pidOf: (reference: string, purpose: 'pid' | 'ipc' | 'network') => number;
}

export interface RuntimePreparation {
  /** Fills in Docker's defaults and checks what can be checked before anything is made. @returns the completed configuration and warnings. @throws Docker's texts */
  complete(hostConfig: HostConfig, config: Pick<ContainerConfig, 'Hostname' | 'ExposedPorts'>): { hostConfig: HostConfig; warnings: string[] };
  /** Checks the limits of an update against the machine. @returns what is left of them, and warnings. @throws Docker's texts */
  verifyUpdate(request: UpdateRequest): { change: UpdateRequest; warnings: string[] };
  /** Writes the limits of an update into the cgroups of a running container. @throws kernel.cgroup_setting_refused */
  update(record: ContainerRecord, change: UpdateRequest): Promise<void>;
  /** Makes bundle and cgroups. On failure nothing is left. */
  prepare(record: ContainerRecord, place: ContainerPlace): Promise<Omit<ContainerLaunch, 'attachments'>>;
  /** Whether the user can be found in the root file system. @throws runtime.user_not_found and the like */
  checkUser(rootfs: string, user: string): void;
  prepareExec(record: ContainerRecord, rootfs: string, execId: string, request: ExecRequest): Promise<Omit<ExecLaunch, 'attachments'>>;
  /** Whether the kernel killed a process of the container for memory. Asked after its end, before {@link release}. */
  oomKilled(record: ContainerRecord): boolean;
  /** Highest use of memory in bytes. Asked as {@link oomKilled} is; undefined where the kernel does not keep it. */
  memoryPeak(record: ContainerRecord): number | undefined;
  /** Kills every process in the container's cgroups. */
  killAll(record: ContainerRecord): Promise<void>;
  /** Whether its processes are held by the freezer. */
  frozen(record: ContainerRecord): boolean;
  freeze(record: ContainerRecord): Promise<void>;
  thaw(record: ContainerRecord): Promise<void>;
  /** Gives back cgroups, bundle and the OCI runtime's state. Never fails for what is gone. */
  release(id: string, cgroupPath: string): Promise<void>;
  /** Pids of all processes of the container. */
  processes(record: ContainerRecord): number[];
  /** What the kernel has counted of a running container, and by which version of cgroups. */
  statistics(record: ContainerRecord): { statistics: CgroupStatistics; version: 1 | 2 };
  /** The container's cgroup below each hierarchy's root. */
  cgroupPath(record: Pick<ContainerRecord, 'id' | 'hostConfig'>): string;
  /** Removes what crashed starts left: bundles, runtime state and cgroups of no container in `running`. */
  repair(running: ReadonlySet<string>): Promise<void>;
}
