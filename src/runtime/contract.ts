/** What the engine needs to run processes in containers. Implemented in this folder. */
import type { Duplex } from 'node:stream';
import type { Owner } from '#base/identity-mapping.ts';

/** How the process ended. */
export interface ExitReport {
  /** 0–255; 128+n for signal n. */
  readonly exitCode: number;
  /** Nanoseconds since 1970. */
  readonly finishedAt: bigint;
  /** Nanoseconds since 1970, when only the shim was there to see the start. */
  readonly startedAt?: bigint | undefined;
  /** `shim-lost`: the shim died, the process was killed by the engine and its real status is unknown. */
  readonly reason: 'exited' | 'shim-lost';
  /** That ended the process; 0: none, undefined: not known. */
  readonly signal?: number | undefined;
}

/** A stream of one attached client, as the Engine API frames it. */
export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The client's own connection, for the shim to serve by itself; see {@link AttachStream}. */
  readonly connection?: ClientConnectionSource | undefined;
}

/** A connection whose bytes only the kernel holds: nobody here reads it. */
export interface ClientConnectionSource {
  /** Undefined once it is closed. */
  readonly descriptor: number | undefined;
}

/**
 * A client's place at the process. Reading gives what the Engine API's attach stream carries: raw bytes
 * with a terminal, else frames with 8-byte headers; it ends when the process has ended and all is read.
 * Writing is standard input as raw bytes; ending the writable side closes the client's stdin.
 * A reader that stalls never blocks the process nor other clients, and loses nothing; one that is slow but
 * reads slows the process down to its pace once it is some megabytes behind.
 */
export type AttachStream = Duplex & {
  /** The shim serves the client's connection itself: this stream carries nothing; it ends when the client has everything, and ends the service when it is destroyed. */
  readonly direct?: boolean;
};

export interface StdioOptions {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number } | undefined;
  /** `none`: /dev/null; `once`: closed when the first attached client closes its side; `open`: stays open. */
  readonly stdin: 'none' | 'open' | 'once';
  /** Whom the pipes belong to; undefined: root. */
  readonly owner?: Owner | undefined;
}

export interface LogOptions {
  /** A json-file log; rotated files are `path.1`, `path.2`, … */
  readonly path: string;
  /** Bytes; 0: no limit. */
  readonly maxSize: number;
  readonly maxFiles: number;
  /**
   * What the engine does with rotated files, under the lock `path.lock`: `compressed`, or `kept`: they are also its
   * to remove, and where there are `maxFiles` the process waits.
   */
  readonly sharing?: 'compressed' | 'kept';
  /** JSON text of the `attrs` object that `--log-opt labels/env` asks for; undefined: none. */
  readonly attributes?: string | undefined;
}

/** How the process gets into its cgroups. */
export type CgroupPlacement =
  /** cgroup v1: the engine made the cgroups; the shim's child writes itself into these `tasks` files, and the runtime is told `--cgroup-manager=disabled`. */
  | { readonly kind: 'join'; readonly tasksFiles: readonly string[] }
  /** The runtime makes and fills the cgroup named in the specification; the engine removes it after the exit. */
  | { readonly kind: 'runtime' }
  /** As `runtime`, but the runtime has systemd make it: a scope, named in the specification as `slice:prefix:name`. */
  | { readonly kind: 'systemd' };

interface LaunchBase {
  /** The container's id, as the runtime knows it. */
  readonly containerId: string;
  /** Absolute path of the OCI runtime. */
  readonly runtimePath: string;
  /** Whether it understands crun's own options. */
  readonly crun: boolean;
  /** The runtime's `--root`. */
  readonly runtimeRoot: string;
  /** The process's first argument, for the words of a kernel that will not execute it. */
  readonly program: string;
  readonly stdio: StdioOptions;
  /** The `oomScoreAdj` of the specification, where the runtime has no right to lower it itself: in a user namespace. */
  readonly outOfMemoryScore?: number | undefined;
  readonly cgroup: CgroupPlacement;
  /** Directory of this launch's own (made by the launcher): socket, pid file, runtime log. On a tmpfs. */
  readonly runDirectory: string;
  /** Directory on disk for exit file and spilled output of slow clients. */
  readonly stateDirectory: string;
  /** Clients to be there before the first byte is written. */
  readonly attachments: readonly AttachOptions[];
}

export interface ContainerLaunch extends LaunchBase {
  readonly kind: 'container';
  /** Directory with `config.json`. */
  readonly bundle: string;
  /**
   * Whether the runtime, which is crun, only creates the container and the shim lets its process go: spares two
   * processes of the runtime's. The process waits under its own seccomp filter then; see `mayWait`.
   */
  readonly held: boolean;
  /** Whether the container is to have no link /dev/core; see `native/shim/core_link.h`. */
  readonly withoutCoreLink: boolean;
  readonly log: LogOptions | undefined;
}

export interface ExecLaunch extends LaunchBase {
  readonly kind: 'exec';
  readonly execId: string;
  /** The OCI `process` object, written as JSON to the run directory by the launcher. */
  readonly process: object;
}

/** A process with its shim. Outlives the daemon; disposing drops only this daemon's connection. */
export interface ShimProcess extends AsyncDisposable {
  /** Pid of the container's (or exec's) process in the daemon's pid namespace. */
  readonly pid: number;
  readonly shimPid: number;
  /** Nanoseconds since 1970, by the shim's clock, so that it is never after the end; undefined: not known. */
  readonly startedAt?: bigint | undefined;
  /** Resolves once, never rejects. */
  readonly exited: Promise<ExitReport>;
  /** Streams for `LaunchBase.attachments`, in their order. */
  readonly attached: readonly AttachStream[];
  attach(options: AttachOptions): Promise<AttachStream>;
  /** Sets the terminal's size. Without effect without a terminal. */
  resize(size: { rows: number; columns: number }): void;
  /** Sends a signal to the process by its pidfd; false when it has ended. */
  signal(number: number): boolean;
}

export interface ShimLauncher {
  /**
   * Starts shim and runtime and answers when the process runs.
   * @throws runtime.start_failed with the runtime's own message in `details.message`; nothing is left behind then
   */
  launch(options: ContainerLaunch | ExecLaunch, signal: AbortSignal): Promise<ShimProcess>;
  /** Takes up a process of an earlier daemon: its shim when that lives, its report when it ended, `shim-lost` (after killing what is left) when there is neither. */
  adopt(options: { containerId: string; execId?: string | undefined; pid: number; shimPid: number; runDirectory: string; stateDirectory: string }): Promise<ShimProcess | ExitReport>;
  /** Kills the process of a run directory whose shim was killed, and removes the directory. Does nothing where a shim lives. */
  clearLost(runDirectory: string): Promise<void>;
  /** Leaves the reports of what ends from now on to the next daemon, too. */
  handOver(): void;
}
