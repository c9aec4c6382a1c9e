/** What the container use cases are made of; built once by the composition root. */
import type { KeyedMutex } from '#base/keyed-mutex.ts';
import type { ImageStore, Snapshotter } from '#image/contract.ts';
import type { Remapping } from '#kernel/user-namespace.ts';
import type { LogReader } from '#logging/contract.ts';
import type { LiveMounts } from '#kernel/live-mounts.ts';
import type { NetworkController } from '#network/contract.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import type { ShimLauncher } from '#runtime/contract.ts';
import type { VolumeStore } from '#volume/contract.ts';
import type { HealthMonitor } from '../health/health-monitor.ts';
import type { CurrentConfiguration } from '../engine-configuration.ts';
import type { BuildCache } from '../solver/build-cache.ts';
import type { EnginePaths } from '../engine-paths.ts';
import type { EventLog } from '../events/event-log.ts';
import type { LogDelivery } from '../processes/log-delivery.ts';
import type { RuntimePreparation } from '../processes/runtime-preparation.ts';
import type { ContainerRegistry } from './container-registry.ts';
import type { DoomedVolumes } from './doomed-volumes.ts';
import type { LiveContainers } from './live-containers.ts';
import type { VolumeReferences } from './volume-references.ts';

export interface EngineParts {
  readonly buildCache: BuildCache;
  readonly registry: ContainerRegistry;
  readonly live: LiveContainers;
  /** One mutex per container id: whatever changes a container holds it. */
  readonly mutex: KeyedMutex;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly volumes: VolumeStore;
  readonly references: VolumeReferences;
  readonly doomedVolumes: DoomedVolumes;
  /** Changes the mounts of containers that run. */
  readonly liveMounts: LiveMounts;
  readonly networks: NetworkController;
  readonly launcher: ShimLauncher;
  readonly runtime: RuntimePreparation;
  /** Whether kernel and runtime can make a bind read-only with all below it. */
  readonly recursiveReadonly: boolean;
  readonly readLog: LogReader;
  readonly logDelivery: LogDelivery;
  readonly events: EventLog;
  readonly health: HealthMonitor;
  readonly paths: EnginePaths;
  /** Of containers that do not ask for the host's users; undefined: all have those. */
  readonly remapping: Remapping | undefined;
  /** How registries are reached. */
  readonly registries: RegistryConfiguration;
  readonly configuration: CurrentConfiguration;
  /** Reports what has no caller to be told: failures of clean-up and of background work. */
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}
