/** `/version`, `/info`, `/system/df` and `/events`, API 1.51. */
import { readDeviceCatalog, type DeviceCatalog } from '#runtime/cdi/device-catalog.ts';
import { buildCacheView } from '../solver/prune-builds.ts';
import type { BuildSolver } from '../solver/contract.ts';
import { createHash } from 'node:crypto';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { basename } from 'node:path';
import { nowNanoseconds, timestampNow } from '#base/timestamp.ts';
import type { ImageStore, Snapshotter } from '#image/contract.ts';
import type { CgroupDriver, CgroupFacts } from '#kernel/cgroups/contract.ts';
import { openDescriptors } from '#kernel/process-descriptors.ts';
import { readSysctl } from '#kernel/sysctl.ts';
import { isRunning } from '../containers/container-state.ts';
import type { ContainerRegistry } from '../containers/container-registry.ts';
import type { ContainerUseCases, SystemUseCases, VolumeUseCases } from '../contract.ts';
import type { EventLog } from '../events/event-log.ts';
import type { CurrentConfiguration, EngineConfiguration } from '../engine-configuration.ts';
import { product } from '../product.ts';
import { storageReport, type StorageParts } from '../storage/storage-report.ts';
import { genericResourcesView, registryView, runtimeView, withoutCredentials } from './configuration-views.ts';
import { eventFilter } from './event-filter.ts';
import { operatingSystemName } from './operating-system.ts';

export interface SystemParts {
  readonly registry: ContainerRegistry;
  readonly containers: ContainerUseCases;
  readonly images: ImageStore;
  readonly volumes: VolumeUseCases;
  readonly snapshotter: Snapshotter;
  readonly events: EventLog;
  readonly storage: StorageParts;
  readonly solver: BuildSolver;
  readonly cgroups: CgroupFacts;
  readonly cgroupDriver: CgroupDriver;
  /** Identifies this engine for good. */
  readonly engineId: string;
  readonly dataRoot: string;
  readonly configuration: CurrentConfiguration;
  readonly storageStatus: readonly (readonly [string, string])[] | null;
  readonly seccomp: boolean;
  /** Whether containers have users of their own. */
  readonly remapped: boolean;
  readonly networkDrivers: readonly string[];
}

const architectureNames: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64' };
const machineNames: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

export function systemUseCases(parts: SystemParts): SystemUseCases {
  const { configuration } = parts;
  return {
    version: { engine: product.engineVersion, api: product.apiVersion, minimumApi: product.minimumApiVersion },

    get offers() {
      const { experimental, features } = configuration.current;
      return { experimental, builderVersion: features['buildkit'] === false ? '1' as const : '2' as const };
    },


    async versionDocument() {
      const { defaultRuntime, runtimes, experimental } = configuration.current;
      const common = {
        ApiVersion: product.apiVersion,
        Arch: architectureNames[arch()] ?? arch(),
        BuildTime: '',
        GitCommit: '',
        GoVersion: `node ${process.version}`,
        KernelVersion: release(),
        MinAPIVersion: product.minimumApiVersion,
        Os: 'linux',
      };
      return {
        Platform: { Name: '' },
        Components: [
          { Name: 'Engine', Version: product.engineVersion, Details: { ...common, Experimental: String(experimental) } },
          // Clients look components up by the names Docker has for them: ours do their work.
          { Name: 'containerd', Version: product.version, Details: { GitCommit: '' } },
          { Name: defaultRuntime, Version: runtimes[defaultRuntime]?.version ?? '', Details: { GitCommit: '' } },
          { Name: 'docker-init', Version: product.version, Details: { GitCommit: '' } },
        ],
        Version: product.engineVersion,
        ...common,
        ...(experimental && { Experimental: true }),
      };
    },

    async info() {
      const records = parts.registry.all();
      const running = records.filter((record) => isRunning(record.state) && record.state.status !== 'paused').length;
      const paused = records.filter((record) => record.state.status === 'paused').length;
      const images = await parts.images.list({ all: false, filters: {}, sharedSize: false });
      const { cgroups } = parts;
      const { current } = configuration;
      const runtime = current.runtimes[current.defaultRuntime];
      const catalog = await readDeviceCatalog(current.deviceDirectories);
      return {
        ID: parts.engineId,
        Containers: records.length,
        ContainersRunning: running,
        ContainersPaused: paused,
        ContainersStopped: records.length - running - paused,
        Images: images.length,
        Driver: parts.snapshotter.driver,
        DriverStatus: parts.storageStatus,
        Plugins: {
          Volume: parts.storage.volumes.drivers(),
          Network: parts.networkDrivers,
          Authorization: null,
          Log: ['fluentd', 'gelf', 'journald', 'json-file', 'local', 'splunk', 'syslog'],
        },
        MemoryLimit: cgroups.memoryLimit,
        SwapLimit: cgroups.swapLimit,
        CpuCfsPeriod: cgroups.cpuQuota,
        CpuCfsQuota: cgroups.cpuQuota,
        CPUShares: cgroups.cpuShares,
        CPUSet: cgroups.cpuset,
        PidsLimit: cgroups.pidsLimit,
        IPv4Forwarding: isForwarding(),
        Debug: current.debug,
        NFd: openDescriptors(),
        ...(cgroups.tcpMemoryLimit && { KernelMemoryTCP: true }),
        OomKillDisable: cgroups.oomKillDisable,
        NGoroutines: process.getActiveResourcesInfo().length,
        SystemTime: timestampNow(),
        LoggingDriver: current.log.driver,
        CgroupDriver: parts.cgroupDriver,
        CgroupVersion: String(cgroups.version),
        NEventsListener: parts.events.listenerCount,
        KernelVersion: release(),
        OperatingSystem: operatingSystemName(),
        OSVersion: '',
        OSType: 'linux',
        Architecture: machineNames[arch()] ?? arch(),
        IndexServerAddress: 'https://index.docker.io/v1/',
        RegistryConfig: registryView(current),
        NCPU: cpus().length,
        MemTotal: totalmem(),
        GenericResources: genericResourcesView(current),
        DockerRootDir: parts.dataRoot,
        HttpProxy: withoutCredentials(current.proxies.http),
        HttpsProxy: withoutCredentials(current.proxies.https),
        NoProxy: current.proxies.none,
        Name: hostname(),
        Labels: current.labels,
        ExperimentalBuild: current.experimental,
        ServerVersion: product.engineVersion,
        Runtimes: Object.fromEntries(Object.entries(current.runtimes).map(([name, runtime]) => [name, runtimeView(runtime)])),
        DefaultRuntime: current.defaultRuntime,
        Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null },
        LiveRestoreEnabled: current.liveRestore,
        Isolation: '',
        // Our own has the name that clients know.
        InitBinary: basename(current.initPath) === 'dhow-init' ? 'docker-init' : current.initPath,
        ContainerdCommit: { ID: '' },
        RuncCommit: { ID: runtime?.version ?? '' },
        InitCommit: { ID: '' },
        ...(current.addressPools.length > 0 && { DefaultAddressPools: current.addressPools.map(({ base, size }) => ({ Base: base, Size: size })) }),
        SecurityOptions: [...(parts.seccomp ? [`name=seccomp,profile=${current.seccomp.name}`] : []), ...(cgroups.version === 2 ? ['name=cgroupns'] : []), ...(parts.remapped ? ['name=userns'] : [])],
        FirewallBackend: { Driver: 'nftables' },
        CDISpecDirs: current.deviceDirectories.length === 0 ? null : current.deviceDirectories,
        ...(catalog.devices.size > 0 && { DiscoveredDevices: [...catalog.devices.keys()].sort().map((ID) => ({ Source: 'cdi', ID })) }),
        Warnings: warningsOf(cgroups, current, parts.seccomp, catalog),
      };
    },

    async diskUsage(types) {
      const wants = (type: string): boolean => types.length === 0 || types.includes(type);
      // What was not asked for is there, and empty.
      const usage: Record<string, unknown> = { LayersSize: 0, Images: null, Containers: null, Volumes: null, BuildCache: null };
      if (wants('image')) {
        usage['LayersSize'] = await parts.images.layersSize();
        usage['Images'] = await imagesWithUse(parts);
      }
      if (wants('container')) usage['Containers'] = await parts.containers.list({ all: true, limit: 0, size: true, filters: {} });
      if (wants('volume')) usage['Volumes'] = await parts.volumes.usage();
      if (wants('build-cache')) usage['BuildCache'] = (await parts.solver.usage([])).map(buildCacheView);
      return usage;
    },

    checkStorage: async (options) => await storageReport(parts.storage, options),

    async *events({ since, until, filters, signal }) {
      const matches = eventFilter(filters);
      // The beginning of time as the end stands for all there is, as with Docker.
      const end = until === 0n ? nowNanoseconds() : until;
      for await (const event of parts.events.read({ since, until: end, signal })) if (matches(event)) yield event;
    },
  };
}

async function imagesWithUse(parts: SystemParts): Promise<object[]> {
  const summaries = await parts.images.list({ all: true, filters: {}, sharedSize: true });
  const uses = new Map<string, number>();
  for (const record of parts.registry.all()) uses.set(record.imageId, (uses.get(record.imageId) ?? 0) + 1);
  return summaries.map((summary) => ({ ...summary, Containers: uses.get(summary.Id) ?? 0 }));
}

/** As Docker words it. */
const attackSurface = `
         Access to the remote API is equivalent to root access on the host. Refer
         to the 'Docker daemon attack surface' section in the documentation for
         more information: https://docs.docker.com/go/attack-surface/`;

function warningsOf(cgroups: CgroupFacts, current: EngineConfiguration, seccomp: boolean, { faults }: DeviceCatalog): string[] | null {
  const warnings: string[] = current.openAddresses.map(({ address, encrypted }) => (encrypted
    ? `WARNING: API is accessible on https://${address} without TLS client verification.${attackSurface}`
    : `WARNING: API is accessible on http://${address} without encryption.${attackSurface}`));
  if (!cgroups.memoryLimit) warnings.push('WARNING: No memory limit support');
  if (!cgroups.swapLimit) warnings.push('WARNING: No swap limit support');
  if (!cgroups.cpuQuota) warnings.push('WARNING: No cpu cfs quota support', 'WARNING: No cpu cfs period support');
  if (!cgroups.cpuShares) warnings.push('WARNING: No cpu shares support');
  if (!cgroups.cpuset) warnings.push('WARNING: No cpuset support');
  if (!isForwarding()) warnings.push('WARNING: IPv4 forwarding is disabled');
  if (seccomp && current.seccomp.name !== 'builtin') warnings.push('WARNING: daemon is not using the default seccomp profile');
  for (const [path, reason] of faults) warnings.push(`CDI: Error associated with spec file ${path}: ${reason}`);
  return warnings.length === 0 ? null : warnings;
}

function isForwarding(): boolean {
  return readSysctl('net.ipv4.ip_forward') === '1';
}

/** A stable id in Docker's form from the machine's and the data root's. */
export function makeEngineId(seed: string): string {
  const digest = createHash('sha256').update(seed).digest('hex');
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-4${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
