/**
 * What the daemon's configuration says to the engine. Held in one place and read at each use, since a reload
 * of the configuration replaces it as a whole; {@link reloadable} names what a reload may change.
 */
import type { CollectionSettings } from './solver/collection-rules.ts';
import type { Ulimit } from '#schema/container-config.ts';

export interface OciRuntime {
  /** What is called: the program, or a script that calls it with its arguments. */
  readonly path: string;
  readonly program: string;
  /** Given to the program before its command. */
  readonly arguments: readonly string[];
  /** As the program tells it; empty where it could not be asked. */
  readonly version: string;
  /** Whether it says that it is crun, which is called in its own way. */
  readonly crun: boolean;
}

export interface SeccompDefault {
  /** `builtin`, `unconfined` or the path of a file, as `info` shows it. */
  readonly name: string;
  /** The profile's JSON text; undefined for `builtin` and `unconfined`. */
  readonly text: string | undefined;
}

export interface EngineConfiguration {
  readonly labels: readonly string[];
  readonly debug: boolean;
  /** As configured; containers outlive the daemon whatever it says. */
  readonly liveRestore: boolean;
  readonly experimental: boolean;
  /** By name. */
  readonly runtimes: Readonly<Record<string, OciRuntime>>;
  readonly defaultRuntime: string;
  /** Where devices of the Container Device Interface are described, the later the more important; empty: there are none. */
  readonly deviceDirectories: readonly string[];
  /** For containers that name no driver. */
  readonly log: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  /** For containers that set no limit of that name. */
  readonly ulimits: readonly Ulimit[];
  /** Bytes. */
  readonly shmSize: number;
  readonly ipcMode: 'private' | 'shareable';
  /** undefined: by the version of cgroups. */
  readonly cgroupnsMode: 'private' | 'host' | undefined;
  readonly init: boolean;
  /** Absolute path of the init program. */
  readonly initPath: string;
  readonly noNewPrivileges: boolean;
  readonly seccomp: SeccompDefault;
  /** What `host-gateway` means in extra hosts; empty: the gateway of the container's network. */
  readonly hostGateway: readonly string[];
  /** What containers get that name no servers, search domains or options; empty lists: the host's. */
  readonly dns: { readonly servers: readonly string[]; readonly search: readonly string[]; readonly options: readonly string[] };
  /** As configured; empty: the built-in ones. */
  readonly addressPools: readonly { readonly base: string; readonly size: number }[];
  /** Options for networks that are created, by the name of their driver. */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly insecureRegistries: readonly string[];
  readonly registryMirrors: readonly string[];
  /** Of other registries, by host with port. */
  readonly mirrorsOf: Readonly<Record<string, readonly string[]>>;
  readonly concurrentDownloads: number;
  readonly concurrentUploads: number;
  readonly downloadAttempts: number;
  /** Without credentials, for `info`; empty: none. */
  readonly proxies: { readonly http: string; readonly https: string; readonly none: string };
  readonly features: Readonly<Record<string, boolean>>;
  /** What of the build cache may stay. */
  readonly cacheCollection: CollectionSettings;
  readonly genericResources: readonly { readonly kind: string; readonly value: string | number }[];
  /** Addresses of the API that anyone may use, as `info` warns of them. */
  readonly openAddresses: readonly { readonly address: string; readonly encrypted: boolean }[];
}

/** The configuration that holds now. */
export interface CurrentConfiguration {
  readonly current: EngineConfiguration;
}
