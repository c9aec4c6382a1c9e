/**
 * What is kept of a container over restarts of the daemon. Plain data: the whole record is one document
 * of the `containers` table.
 */
import type { ContainerConfig, EndpointSettings, HostConfig, UpdateRequest } from '#schema/container-config.ts';
import type { Sandbox } from '#network/contract.ts';
import type { Ending, SentSignal } from './ending.ts';
import type { PlannedMount } from './planned-mount.ts';
import type { ContainerState } from './container-state.ts';

/** What the engine made on the machine for a container that runs, or is about to. */
export interface ProcessRecord {
  /** 0 while the start is not confirmed; start-up then finds out what became of it. */
  readonly pid: number;
  readonly shimPid: number;
  readonly runDirectory: string;
  /** Below each hierarchy's root. */
  readonly cgroupPath: string;
}

/** `--link`: kept by id, so that renaming the other container breaks nothing. */
export interface ContainerLink {
  readonly id: string;
  readonly alias: string;
  /** As it was when the link was made, for when it is gone. */
  readonly name?: string;
}

export interface ContainerRecord {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** As asked for at create, by network name. */
  readonly endpointSettings: Readonly<Record<string, Partial<EndpointSettings> | null>>;
  /** `--link` on the default bridge. */
  readonly links?: readonly ContainerLink[];
  readonly imageId: string;
  readonly topLayer: string | undefined;
  readonly state: ContainerState;
  readonly restartCount: number;
  /** Stopped or killed by request: restart policies then leave it alone. */
  readonly manuallyStopped: boolean;
  readonly startedBefore: boolean;
  /** A restart was asked for and its start has not happened yet: the next daemon finishes it where this one dies. */
  readonly pendingRestart?: { readonly timeout: number | undefined; readonly signalName: string } | undefined;
  /** Limits that the container's cgroups may have already and its configuration not. */
  readonly pendingUpdate?: UpdateRequest | undefined;
  /** Sent to the process that runs, or ran last. */
  readonly signals?: readonly SentSignal[];
  /** Of the process that ended last, also while another one runs. */
  readonly ending?: Ending;
  readonly mounts: readonly PlannedMount[];
  readonly sandbox: Sandbox | undefined;
  readonly process: ProcessRecord | undefined;
  /** Set while it is removed: whether its anonymous volumes go with it. */
  readonly removal?: { readonly volumes: boolean } | undefined;
}
