/** The composition root: builds every part of the engine once, from the lowest layer up. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { rootOnHost, type IdentityMapping } from '#base/identity-mapping.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { BuildCache } from '#engine/solver/build-cache.ts';
import type { EngineParts } from '#engine/containers/engine-parts.ts';
import { ContainerRegistry } from '#engine/containers/container-registry.ts';
import { DoomedVolumes } from '#engine/containers/doomed-volumes.ts';
import { LiveContainers } from '#engine/containers/live-containers.ts';
import { VolumeReferences } from '#engine/containers/volume-references.ts';
import type { Engine } from '#engine/contract.ts';
import { product } from '#engine/product.ts';
import { createEngine, type EngineHandover } from '#engine/engine.ts';
import type { CurrentConfiguration } from '#engine/engine-configuration.ts';
import { EnginePaths } from '#engine/engine-paths.ts';
import { EventArchive } from '#engine/events/event-archive.ts';
import { EventLog } from '#engine/events/event-log.ts';
import { HealthMonitor } from '#engine/health/health-monitor.ts';
import { LogDelivery } from '#engine/processes/log-delivery.ts';
import { createOciPreparation } from '#engine/processes/oci-preparation.ts';
import type { RecoveryReport } from '#engine/recovery.ts';
import { makeEngineId } from '#engine/system/system-use-cases.ts';
import { createImageStore } from '#image/image-store.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { createSnapshotter } from '#image/snapshot/snapshotter.ts';
import type { CgroupDriver } from '#kernel/cgroups/contract.ts';
import { MemoryKills } from '#kernel/memory-kills.ts';
import { openCgroups } from '#kernel/cgroups/open-cgroups.ts';
import { ProjectNumbers } from '#kernel/project-quota.ts';
import { LiveMounts } from '#kernel/live-mounts.ts';
import { fileSystemName } from '#kernel/file-system-name.ts';
import { recursiveReadonlySupported } from '#kernel/kernel-features.ts';
import { openSeccompFilterCache } from '#kernel/seccomp-filter.ts';
import { readJsonFileLog } from '#logging/json-file-reader.ts';
import type { NetworkSettings } from '#network/default-bridge.ts';
import { createNetworkController } from '#network/network-controller.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import { readHostFacts } from '#runtime/host-facts.ts';
import { createShimLauncher } from '#runtime/shim-launcher.ts';
import { StateDatabase } from '#store/state-database.ts';
import { createPluginRegistry } from '#plugin/plugin-registry.ts';
import { createLocalVolumeStore } from '#volume/local-volume-store.ts';
import { createVolumeStore } from '#volume/volume-store.ts';

const defaultCgroupParents: Readonly<Record<CgroupDriver, string>> = { cgroupfs: '/dhow', systemd: 'system.slice' };

export interface EngineSettings {
  readonly dataRoot: string;
  readonly executionRoot: string;
  readonly bridgeName: string;
  readonly network: NetworkSettings;
  readonly storageDriver: 'overlay2' | 'fuse-overlayfs' | 'vfs' | undefined;
  /** Bytes that a container's own layer may take where it asks for no other number; undefined: no limit. */
  readonly layerSize: number | undefined;
  /** Who containers' users are on the host; undefined: the host's. */
  readonly mapping: IdentityMapping | undefined;
  /** Undefined: as the driver has it. */
  readonly cgroupParent: string | undefined;
  readonly cgroupDriver: CgroupDriver;
  /** Absolute path of the compiled shim. */
  readonly shimPath: string;
  readonly registries: RegistryConfiguration;
  /** A reload changes what it holds. */
  readonly configuration: CurrentConfiguration;
  /** What the daemon before left; undefined: nothing. */
  readonly handed: EngineHandover | undefined;
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}

export interface ComposedEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly recovery: RecoveryReport;
  /** As {@link CreatedEngine.handOver}. */
  readonly handOver: () => Promise<EngineHandover>;
  readonly events: EventLog;
  readonly health: HealthMonitor;
  readonly engineId: string;
  readonly storageDriver: string;
}

/** Everything is repaired and ready when this resolves. Disposing leaves containers running. */
export async function composeEngine(settings: EngineSettings): Promise<ComposedEngine> {
  await using opened = new AsyncDisposableStack();
  const { dataRoot, executionRoot, configuration, log } = settings;
  await mkdir(dataRoot, { recursive: true, mode: 0o710 });
  await mkdir(executionRoot, { recursive: true, mode: 0o711 });
  const paths = new EnginePaths(dataRoot, executionRoot);
  const database = opened.use(new StateDatabase(join(dataRoot, 'state.db'), (table, key, reason) => log('error', `row ${key} of table ${table} in the state database is damaged (${reason}) and is left out`)));
  // Without its records everything there would be nobody's, and be cleared away.
  if (database.isNew && holdsContainers(paths.containersDirectory)) throw fail('store.lost', { path: join(dataRoot, 'state.db'), directory: paths.containersDirectory });
  const events = new EventLog(opened.use(new EventArchive({ directory: join(dataRoot, 'events'), warn: (message) => log('warning', message) })));

  const remapping = settings.mapping && { mapping: settings.mapping, holder: settings.shimPath };
  const layers = createLayerStore({ dataRoot });
  const projects = new ProjectNumbers();
  const snapshotter = opened.use(await createSnapshotter({
    dataRoot, layers, driver: settings.storageDriver, projects, defaultSize: settings.layerSize, remapping: remapping && { ...remapping, mountPoint: join(executionRoot, 'remapped') },
  }));
  const images = createImageStore({
    dataRoot,
    database,
    layers,
    engineVersion: product.engineVersion,
    driver: snapshotter.driver,
    registry: settings.registries,
    transfers: {
      get concurrentDownloads() {
        return configuration.current.concurrentDownloads;
      },
      get concurrentUploads() {
        return configuration.current.concurrentUploads;
      },
      get downloadAttempts() {
        return configuration.current.downloadAttempts;
      },
    },
    onEvent: ({ action, id, attributes }) => events.publish({ type: 'image', action, id, attributes }),
  });
  const onVolumeEvent = (action: 'create' | 'destroy', { name, driver }: { name: string; driver: string }): void => events.publish({ type: 'volume', action, id: name, attributes: { driver } });
  const warn = (message: string): void => log('warning', message);
  const volumes = createVolumeStore({
    local: createLocalVolumeStore({ directory: join(dataRoot, 'volumes'), owner: remapping && rootOnHost(remapping.mapping), projects, database, onEvent: onVolumeEvent }),
    plugins: createPluginRegistry({ sockets: [join(executionRoot, 'plugins'), '/run/docker/plugins'], specifications: ['/etc/dhow/plugins', '/etc/docker/plugins', '/usr/lib/docker/plugins'] }, warn),
    database,
    onEvent: onVolumeEvent,
    warn,
  });
  const networks = opened.use(
    createNetworkController({ database, executionRoot, bridgeName: settings.bridgeName, engineId: engineIdOf(dataRoot), settings: settings.network, warn: (message) => log('warning', message) }),
  );
  const cgroups = openCgroups();
  const host = readHostFacts();
  const runtime = createOciPreparation({
    host,
    cgroups,
    seccompPrograms: openSeccompFilterCache(join(dataRoot, 'seccomp')),
    paths,
    configuration,
    cgroupDriver: settings.cgroupDriver,
    memoryKills: settings.cgroupDriver === 'systemd' ? opened.use(new MemoryKills()) : undefined,
    cgroupParent: settings.cgroupParent ?? defaultCgroupParents[settings.cgroupDriver],
    processorCount: availableParallelism(),
    remapping,
    log,
  });
  const registry = new ContainerRegistry(database, log);
  const launcher = createShimLauncher({ shimPath: settings.shimPath });
  const health = opened.use(new HealthMonitor({ registry, events, launcher, runtime, snapshotter, log }));
  const parts: EngineParts = {
    recursiveReadonly: recursiveReadonlySupported(),
    buildCache: new BuildCache(database, images),
    registry,
    live: new LiveContainers(),
    mutex: new KeyedMutex(),
    images,
    snapshotter,
    volumes,
    references: new VolumeReferences(registry),
    doomedVolumes: new DoomedVolumes(database, warn),
    liveMounts: new LiveMounts(),
    networks,
    launcher,
    runtime,
    readLog: readJsonFileLog,
    logDelivery: opened.use(new LogDelivery(paths, (message) => log('warning', message))),
    events,
    health,
    paths,
    remapping,
    registries: settings.registries,
    configuration,
    log,
  };
  const engineId = engineIdOf(dataRoot);
  const { engine, recovery, handOver } = await createEngine(parts, {
    cgroups: cgroups.facts,
    cgroupDriver: settings.cgroupDriver,
    engineId,
    dataRoot,
    configuration,
    storageStatus: storageStatusOf(snapshotter.driver, dataRoot),
    seccomp: host.seccomp,
    remapped: remapping !== undefined,
    networkDrivers: ['bridge', 'host', 'ipvlan', 'macvlan', 'null', 'overlay'],
  }, settings.handed);
  const kept = opened.move();
  return { engine, recovery, handOver, events, health, engineId, storageDriver: snapshotter.driver, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** `DriverStatus` of info. */
function storageStatusOf(driver: string, dataRoot: string): [string, string][] | null {
  if (driver !== 'overlay2') return driver === 'vfs' ? null : [];
  return [
    ['Backing Filesystem', fileSystemName(dataRoot)],
    ['Supports d_type', 'true'],
    ['Using metacopy', 'false'],
    ['Native Overlay Diff', 'true'],
    ['userxattr', 'false'],
  ];
}

/** Made once for a data root and kept in it. */
function engineIdOf(dataRoot: string): string {
  const file = join(dataRoot, 'engine-id');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    const id = makeEngineId(newIdentifier());
    writeFileSync(file, `${id}\n`, { mode: 0o600 });
    return id;
  }
}

function holdsContainers(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0;
}
