/** The composition root: builds every part of the engine once, from the lowest layer up. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import type { EngineParts } from '#engine/containers/engine-parts.ts';
import { ContainerRegistry } from '#engine/containers/container-registry.ts';
import { DoomedVolumes } from '#engine/containers/doomed-volumes.ts';
import { LiveContainers } from '#engine/containers/live-containers.ts';
import { VolumeReferences } from '#engine/containers/volume-references.ts';
import type { Engine } from '#engine/contract.ts';
import { product } from '#engine/product.ts';
import { createEngine } from '#engine/engine.ts';
import { EnginePaths } from '#engine/engine-paths.ts';
import { EventLog } from '#engine/events/event-log.ts';
import { HealthMonitor } from '#engine/health/health-monitor.ts';
import { createOciPreparation } from '#engine/processes/oci-preparation.ts';
import type { RecoveryReport } from '#engine/recovery.ts';
import { makeEngineId } from '#engine/system/system-use-cases.ts';
import { createImageStore } from '#image/image-store.ts';
import { createLayerStore } from '#image/layer/layer-store.ts';
import { createSnapshotter } from '#image/snapshot/snapshotter.ts';
import { openCgroups } from '#kernel/cgroups/open-cgroups.ts';
import { fileSystemName } from '#kernel/file-system-name.ts';
import { openSeccompFilterCache } from '#kernel/seccomp-filter.ts';
import { readJsonFileLog } from '#logging/json-file-reader.ts';
import { createNetworkController } from '#network/network-controller.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import { readHostFacts } from '#runtime/host-facts.ts';
import { createShimLauncher } from '#runtime/shim-launcher.ts';
import { StateDatabase } from '#store/state-database.ts';
import { createLocalVolumeStore } from '#volume/local-volume-store.ts';
import type { OciRuntime } from './find-runtimes.ts';

export interface EngineSettings {
  readonly dataRoot: string;
  readonly executionRoot: string;
  readonly bridgeName: string;
  readonly bip: string | undefined;
  readonly storageDriver: 'overlay2' | 'vfs' | undefined;
  readonly labels: readonly string[];
  readonly debug: boolean;
  readonly liveRestore: boolean;
  readonly cgroupParent: string;
  readonly runtimes: Readonly<Record<string, OciRuntime>>;
  readonly defaultRuntime: string;
  /** Absolute path of the compiled shim. */
  readonly shimPath: string;
  /** Absolute path of the compiled init of containers. */
  readonly initPath: string;
  readonly registries: RegistryConfiguration;
  /** What containers get that name no servers, search domains or options; empty lists: the host's. */
  readonly dns: { readonly servers: readonly string[]; readonly search: readonly string[]; readonly options: readonly string[] };
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}

export interface ComposedEngine extends AsyncDisposable {
  readonly engine: Engine;
  readonly recovery: RecoveryReport;
}

/** Everything is repaired and ready when this resolves. Disposing leaves containers running. */
export async function composeEngine(settings: EngineSettings): Promise<ComposedEngine> {
  await using opened = new AsyncDisposableStack();
  const { dataRoot, executionRoot, log } = settings;
  await mkdir(dataRoot, { recursive: true, mode: 0o710 });
  await mkdir(executionRoot, { recursive: true, mode: 0o711 });
  const paths = new EnginePaths(dataRoot, executionRoot);
  const database = opened.use(new StateDatabase(join(dataRoot, 'state.db')));
  const events = new EventLog();

  const layers = createLayerStore({ dataRoot });
  const snapshotter = opened.use(createSnapshotter({ dataRoot, layers, ...(settings.storageDriver !== undefined && { driver: settings.storageDriver }) }));
  const images = createImageStore({
    dataRoot,
    database,
    layers,
    engineVersion: product.engineVersion,
    driver: snapshotter.driver,
    registry: settings.registries,
    onEvent: ({ action, id, attributes }) => events.publish({ type: 'image', action, id, attributes }),
  });
  const volumes = createLocalVolumeStore({
    directory: join(dataRoot, 'volumes'),
    database,
    onEvent: (action, { name, driver }) => events.publish({ type: 'volume', action, id: name, attributes: { driver } }),
  });
  const networks = opened.use(
    createNetworkController({ database, executionRoot, bridgeName: settings.bridgeName, bip: settings.bip, warn: (message) => log('warning', message) }),
  );
  const cgroups = openCgroups();
  const host = readHostFacts();
  const runtime = createOciPreparation({
    host,
    cgroups,
    seccompPrograms: openSeccompFilterCache(join(dataRoot, 'seccomp')),
    paths,
    runtimes: settings.runtimes,
    defaultRuntime: settings.defaultRuntime,
    cgroupParent: settings.cgroupParent,
    processorCount: availableParallelism(),
    recursiveReadonly: false,
    initPath: settings.initPath,
    log,
  });
  const registry = new ContainerRegistry(database, log);
  const launcher = createShimLauncher({ shimPath: settings.shimPath });
  const health = opened.use(new HealthMonitor({ registry, events, launcher, runtime, snapshotter, log }));
  const parts: EngineParts = {
    registry,
    live: new LiveContainers(),
    mutex: new KeyedMutex(),
    images,
    snapshotter,
    volumes,
    references: new VolumeReferences(registry),
    doomedVolumes: new DoomedVolumes(database),
    networks,
    launcher,
    runtime,
    readLog: readJsonFileLog,
    events,
    health,
    paths,
    registries: settings.registries,
    dns: settings.dns,
    log,
  };
  const { engine, recovery } = await createEngine(parts, {
    cgroups: cgroups.facts,
    engineId: engineIdOf(dataRoot),
    dataRoot,
    labels: settings.labels,
    debug: settings.debug,
    runtimes: settings.runtimes,
    defaultRuntime: settings.defaultRuntime,
    storageStatus: storageStatusOf(snapshotter.driver, dataRoot),
    seccomp: host.seccomp,
    networkDrivers: ['bridge', 'host', 'null'],
    liveRestoreOption: settings.liveRestore,
  });
  const kept = opened.move();
  return { engine, recovery, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

/** `DriverStatus` of info. */
function storageStatusOf(driver: string, dataRoot: string): [string, string][] {
  if (driver !== 'overlay2') return [];
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
