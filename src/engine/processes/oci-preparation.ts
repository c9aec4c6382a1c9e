/** The engine's {@link RuntimePreparation} for OCI runtimes: specification, seccomp program, cgroups, bundle. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import type { CgroupDriver, CgroupManager } from '#kernel/cgroups/contract.ts';
import { forgetScope, isScope, isSliceName, keepLimits, scopePath, scopePathOf, scopeRequest } from '#kernel/cgroups/systemd-scopes.ts';
import type { MemoryKills } from '#kernel/memory-kills.ts';
import { rootOnHost, type Owner } from '#base/identity-mapping.ts';
import { namespacePathOf } from '#kernel/process-namespace.ts';
import type { Remapping } from '#kernel/user-namespace.ts';
import { readSysctl } from '#kernel/sysctl.ts';
import type { SeccompFilterCache } from '#kernel/seccomp-filter.ts';
import { readDeviceCatalog } from '#runtime/cdi/device-catalog.ts';
import { injectDevices, requestedDevices, withoutRequestedDevices } from '#runtime/cdi/inject-devices.ts';
import { buildExecProcess } from '#runtime/exec-process.ts';
import type { HostFacts } from '#runtime/host-facts.ts';
import { normalizeHostConfig } from '#runtime/host-config/normalize-host-config.ts';
import { verifyHostConfig, verifyModes } from '#runtime/host-config/verify-host-config.ts';
import { verifyResources } from '#runtime/host-config/verify-resources.ts';
import { withSeccompProgram } from '#runtime/seccomp/precompiled.ts';
import { mayWait } from '#runtime/seccomp/waiting-calls.ts';
import { cgroupResources } from '#runtime/specification/resources.ts';
import type { UpdateRequest } from '#schema/container-config.ts';
import { buildRuntimeSpecification } from '#runtime/runtime-specification.ts';
import type { RuntimeSpecification, SpecificationProcess } from '#runtime/specification/types.ts';
import { resolveUser } from '#runtime/users/resolve-user.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import type { CurrentConfiguration, OciRuntime } from '../engine-configuration.ts';
import type { EnginePaths } from '../engine-paths.ts';
import { remappingFor } from '../containers/remapping.ts';
import { logOptionsOf } from './log-options.ts';
import type { ContainerPlace, RuntimePreparation } from './runtime-preparation.ts';

export interface PreparationFacts {
  readonly host: HostFacts;
  readonly cgroups: CgroupManager;
  readonly seccompPrograms: SeccompFilterCache;
  readonly paths: EnginePaths;
  readonly configuration: CurrentConfiguration;
  /** Of containers that are to be started. */
  readonly cgroupDriver: CgroupDriver;
  /** With systemd alone. */
  readonly memoryKills: MemoryKills | undefined;
  /** With systemd a slice. */
  readonly cgroupParent: string;
  readonly processorCount: number;
  /** Of containers, unless they have the host's users. */
  readonly remapping: Remapping | undefined;
  readonly log: (level: 'info' | 'warning' | 'error', message: string) => void;
}

/** The limits that an update cannot change, left alone. */
const noSettings = {
  MemorySwappiness: null,
  OomKillDisable: null,
  CpuPercent: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  IOMaximumBandwidth: 0,
  IOMaximumIOps: 0,
} as const;

export function createOciPreparation(facts: PreparationFacts): RuntimePreparation {
  const { host, cgroups, paths } = facts;
  const processes = new Map<string, SpecificationProcess>();

  const runtimeOf = (record: Pick<ContainerRecord, 'hostConfig'>): OciRuntime => {
    const { runtimes, defaultRuntime } = facts.configuration.current;
    const name = record.hostConfig.Runtime === '' ? defaultRuntime : record.hostConfig.Runtime;
    const runtime = runtimes[name];
    if (runtime === undefined) throw fail('runtime.setting_invalid', { message: `unknown or invalid runtime name: ${name}` });
    return runtime;
  };

  const processOf = (id: string): SpecificationProcess => {
    const kept = processes.get(id);
    if (kept !== undefined) return kept;
    // A container of an earlier daemon.
    const specification = JSON.parse(readFileSync(join(paths.bundleDirectory(id), 'config.json'), 'utf8')) as RuntimeSpecification;
    processes.set(id, specification.process);
    return specification.process;
  };

  const bySystemd = facts.cgroupDriver === 'systemd';
  const cgroupParent = ({ hostConfig }: Pick<ContainerRecord, 'hostConfig'>): string => (hostConfig.CgroupParent === '' ? facts.cgroupParent : hostConfig.CgroupParent);
  const cgroupPath: RuntimePreparation['cgroupPath'] = (record) => (bySystemd ? scopePath(cgroupParent(record), record.id) : join('/', cgroupParent(record), record.id));
  /** Where it is: that of an earlier daemon may be of the other driver. */
  const pathOf = (record: ContainerRecord): string => record.process?.cgroupPath ?? cgroupPath(record);

  /** Whom the pipes of a container's processes belong to. */
  const ownerOf = ({ hostConfig }: ContainerRecord): Owner | undefined => {
    const remapping = remappingFor(facts, hostConfig);
    return remapping && rootOnHost(remapping.mapping);
  };

  return {
    complete(hostConfig, config) {
      verifyModes(hostConfig, { hostnameGiven: config.Hostname !== '', portsExposed: Object.keys(config.ExposedPorts ?? {}).length > 0 });
      const { defaultRuntime, runtimes, shmSize, ipcMode, cgroupnsMode } = facts.configuration.current;
      const defaults = {
        cgroupVersion: cgroups.version, capabilities: host.capabilities, maskedProcessorPaths: host.maskedProcessorPaths,
        runtime: defaultRuntime, shmSize, ipcMode, cgroupnsMode,
      } as const;
      normalizeHostConfig(hostConfig, defaults);
      const verified = verifyResources(hostConfig, { cgroups: cgroups.facts, processorCount: facts.processorCount });
      const warnings = verifyHostConfig(verified.config, {
        runtimes: Object.keys(runtimes),
        ipv4Forwarding: readSysctl('net.ipv4.ip_forward') === '1',
        cgroupNamespaces: cgroups.facts.namespaces,
        remapped: facts.remapping !== undefined,
        systemdCgroups: bySystemd,
      });
      return { hostConfig: normalizeHostConfig(verified.config, defaults), warnings: [...verified.warnings, ...warnings] };
    },

    verifyUpdate(request) {
      const verified = verifyResources({ ...noSettings, ...request }, { cgroups: cgroups.facts, processorCount: facts.processorCount }, { update: true });
      return { change: updateOf(verified.config), warnings: verified.warnings };
    },

    async update(record, change) {
      // Real-time limits are for the next start, as with runc.
      const resources = cgroupResources({ ...noSettings, ...change, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0 }, undefined, host.deviceNumbersAt);
      const memory = change.MemorySwap === -1 ? { ...resources.memory, swap: -1 } : resources.memory;
      const path = pathOf(record);
      const limits = { ...resources, ...(memory !== undefined && { memory }) };
      cgroups.update(path, limits);
      if (isScope(path)) await keepLimits(path, limits);
    },

    async prepare(record, place) {
      const ociRuntime = runtimeOf(record);
      const path = cgroupPath(record);
      if (bySystemd) refuseUnlessSlice(cgroupParent(record));
      facts.memoryKills?.forget(path);
      const { init: initByDefault, initPath, noNewPrivileges, seccomp, ulimits } = facts.configuration.current;
      const withInit = record.hostConfig.Init ?? initByDefault;
      if (withInit && !existsSync(initPath)) throw fail('runtime.init_missing', { path: initPath });
      const { deviceDirectories } = facts.configuration.current;
      const requested = deviceDirectories.length === 0 ? [] : requestedDevices(record.hostConfig);
      const described = buildRuntimeSpecification({
        rootfs: place.rootfs,
        process: {
          args: [record.path, ...record.args],
          env: record.config.Env ?? [],
          workingDirectory: record.config.WorkingDir,
          terminal: record.config.Tty,
          user: resolveUser(place.rootfs, record.config.User, record.hostConfig.GroupAdd ?? []),
        },
        hostname: record.config.Hostname,
        domainname: record.config.Domainname,
        hostConfig: deviceDirectories.length === 0 ? record.hostConfig : withoutRequestedDevices(record.hostConfig),
        namespaces: {
          user: place.userNamespace,
          network: place.networkNamespace,
          pid: joinedNamespace(record.hostConfig.PidMode, 'pid', place),
          ipc: joinedNamespace(record.hostConfig.IpcMode, 'ipc', place),
        },
        mapping: place.userNamespace === undefined ? undefined : facts.remapping?.mapping,
        files: place.files,
        sharedMemory: place.sharedMemory,
        mounts: place.mounts,
        init: withInit ? initPath : undefined,
        cgroupsPath: bySystemd ? scopeRequest(cgroupParent(record), record.id) : path,
        defaults: { noNewPrivileges, seccompProfile: seccomp.text ?? (seccomp.name === 'unconfined' ? 'unconfined' : ''), ulimits },
        host,
      });
      const placed = bySystemd && ociRuntime.crun ? inScope(described) : described;
      const specification = requested.length === 0 ? placed : injectDevices(placed, requested, await readDeviceCatalog(deviceDirectories), host);
      const bundle = paths.bundleDirectory(record.id);
      const placement = bySystemd ? { kind: 'systemd' as const } : ociRuntime.crun ? cgroups.create(path, specification.linux.resources ?? {}) : { kind: 'runtime' as const };
      try {
        mkdirSync(bundle, { recursive: true, mode: 0o711 });
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociRuntime.crun ? withSeccompProgram(specification, facts.seccompPrograms) : specification), { mode: 0o600 });
        processes.set(record.id, specification.process);
        return {
          kind: 'container',
          containerId: record.id,
          runtimePath: ociRuntime.path,
          crun: ociRuntime.crun,
          runtimeRoot: paths.runtimeRoot,
          program: specification.process.args[0] ?? '',
          outOfMemoryScore: ownerOf(record) && specification.process.oomScoreAdj,
          stdio: {
            terminal: record.config.Tty,
            stdin: record.config.OpenStdin ? (record.config.StdinOnce ? 'once' : 'open') : 'none',
            ...consoleSizeOf(record.hostConfig.ConsoleSize),
            owner: ownerOf(record),
          },
          cgroup: placement,
          runDirectory: paths.runDirectory(record.id),
          stateDirectory: paths.containerDirectory(record.id),
          bundle,
          held: ociRuntime.crun && mayWait(specification.linux.seccomp),
          withoutCoreLink: ociRuntime.crun && !host.kernelMemoryFile && hasOwnDevices(specification),
          log: logOptionsOf(record, paths.logPath(record.id)),
        };
      } catch (error) {
        await release(record.id, path);
        throw error;
      }
    },

    checkUser: (rootfs, user) => void resolveUser(rootfs, user, []),

    async prepareExec(record, rootfs, execId, request) {
      const ociRuntime = runtimeOf(record);
      const process = buildExecProcess({
        container: processOf(record.id),
        containerEnv: record.config.Env ?? [],
        hostname: record.config.Hostname,
        args: request.Cmd ?? [],
        env: request.Env ?? [],
        workingDirectory: request.WorkingDir,
        terminal: request.Tty,
        consoleSize: request.ConsoleSize === undefined ? undefined : { height: request.ConsoleSize[0], width: request.ConsoleSize[1] },
        user: resolveUser(rootfs, request.User === '' ? record.config.User : request.User, request.User === '' ? (record.hostConfig.GroupAdd ?? []) : []),
        privileged: request.Privileged,
        availableCapabilities: host.capabilities,
      });
      return {
        kind: 'exec',
        containerId: record.id,
        execId,
        process,
        runtimePath: ociRuntime.path,
        crun: ociRuntime.crun,
        runtimeRoot: paths.runtimeRoot,
        program: process.args[0] ?? '',
        outOfMemoryScore: ownerOf(record) && process.oomScoreAdj,
        stdio: {
          terminal: request.Tty,
          stdin: request.AttachStdin ? 'once' : 'none',
          ...consoleSizeOf(request.ConsoleSize ?? [0, 0]),
          owner: ownerOf(record),
        },
        cgroup: isScope(pathOf(record)) ? { kind: 'systemd' } : ociRuntime.crun ? cgroups.placement(pathOf(record)) : { kind: 'runtime' },
        runDirectory: paths.runDirectory(execId),
        stateDirectory: paths.containerDirectory(record.id),
      };
    },

    oomKilled(record) {
      const path = pathOf(record);
      // Systemd removes a scope, and what was counted in it, with its last process.
      return isScope(path) && !cgroups.exists(path) ? facts.memoryKills?.has(path) === true : cgroups.oomKilled(path);
    },
    memoryPeak: (record) => cgroups.memoryPeak(pathOf(record)),
    killAll: async (record) => cgroups.kill(pathOf(record)),
    frozen: (record) => cgroups.frozen(pathOf(record)),
    freeze: async (record) => cgroups.freeze(pathOf(record)),
    thaw: async (record) => cgroups.thaw(pathOf(record)),
    statistics: (record) => ({ statistics: cgroups.statistics(pathOf(record)), version: cgroups.version }),
    processes: (record) => cgroups.processes(pathOf(record)),
    release,
    cgroupPath,

    async repair(running) {
      for (const directory of [paths.bundlesDirectory, paths.runtimeRoot]) {
        for (const name of readdirSync(directory)) {
          if (!/^[0-9a-f]{64}$/.test(name) || running.has(name)) continue;
          if (directory === paths.bundlesDirectory) await endScopeOf(name);
          rmSync(join(directory, name), { recursive: true, force: true });
        }
      }
      // Scopes in a slice may be another engine's: those of this one were found by its bundles.
      for (const name of bySystemd ? [] : cgroups.list(facts.cgroupParent)) {
        if (!/^[0-9a-f]{64}$/.test(name) || running.has(name)) continue;
        await cgroups.kill(join(facts.cgroupParent, name));
        await cgroups.remove(join(facts.cgroupParent, name));
      }
    },
  };

  /** What `runtime delete` would do, without starting it: its state is a directory, and the cgroups are ours to remove. */
  async function release(id: string, path: string): Promise<void> {
    processes.delete(id);
    if (isScope(path)) await endScope(path);
    rmSync(join(paths.runtimeRoot, id), { recursive: true, force: true });
    rmSync(paths.bundleDirectory(id), { recursive: true, force: true });
    if (!isScope(path)) await endCgroup(path);
  }

  async function endCgroup(path: string): Promise<void> {
    if (cgroups.exists(path) && !(await cgroups.remove(path))) {
      await cgroups.kill(path);
      await cgroups.remove(path);
    }
  }

  async function endScope(path: string): Promise<void> {
    await endCgroup(path);
    await forgetScope(path);
  }

  /** Of a container whose bundle is left. */
  async function endScopeOf(id: string): Promise<void> {
    const file = join(paths.bundleDirectory(id), 'config.json');
    const { linux } = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RuntimeSpecification) : {};
    const path = linux && scopePathOf(linux.cgroupsPath);
    if (path !== undefined) await endScope(path);
  }
}

/** Else crun makes a cgroup below the scope, and the limits of one are not those of the other (crun(1)). */
const inScopeItself = { 'run.oci.systemd.subgroup': '' } as const;

/**
 * As crun hands it to systemd, whose units know no devices that are forbidden but all: what is refused singly
 * was refused with all before, and nothing wider allowed since.
 */
function inScope(specification: RuntimeSpecification): RuntimeSpecification {
  const { linux, annotations } = specification;
  const devices = linux.resources.devices?.filter(({ allow, type }) => allow || type === undefined);
  return { ...specification, annotations: { ...inScopeItself, ...annotations }, linux: { ...linux, resources: { ...linux.resources, ...(devices !== undefined && { devices }) } } };
}

function refuseUnlessSlice(parent: string): void {
  if (!isSliceName(parent)) throw fail('runtime.setting_invalid', { message: 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"' });
}

/** Whoever brings a /dev has chosen what is in it, and crun makes nothing there. */
function hasOwnDevices({ mounts }: RuntimeSpecification): boolean {
  return mounts.findLast(({ destination }) => destination === '/dev')?.type === 'tmpfs';
}

/** The fields of an update alone. */
function updateOf(settings: UpdateRequest): UpdateRequest {
  const { CpuShares, Memory, NanoCpus, BlkioWeight, CpuPeriod, CpuQuota, CpuRealtimePeriod, CpuRealtimeRuntime, CpusetCpus, CpusetMems, MemoryReservation, MemorySwap, PidsLimit, RestartPolicy } = settings;
  return { CpuShares, Memory, NanoCpus, BlkioWeight, CpuPeriod, CpuQuota, CpuRealtimePeriod, CpuRealtimeRuntime, CpusetCpus, CpusetMems, MemoryReservation, MemorySwap, PidsLimit, RestartPolicy };
}

function consoleSizeOf([rows, columns]: readonly [number, number]): { consoleSize?: { rows: number; columns: number } } {
  return rows > 0 && columns > 0 ? { consoleSize: { rows, columns } } : {};
}

function joinedNamespace(mode: string, kind: 'pid' | 'ipc', place: ContainerPlace): string | undefined {
  return mode.startsWith('container:') ? namespacePathOf(place.pidOf(mode.slice('container:'.length), kind), kind) : undefined;
}
