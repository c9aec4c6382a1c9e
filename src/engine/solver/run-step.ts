/** RUN: a process in a container of its own, which nobody else sees; what it changed is the step's layer. */
import { chmodSync, lstatSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { timestampNow } from '#base/timestamp.ts';
import type { ChangesArchive } from '#image/contract.ts';
import type { ContainerConfig, HostConfig } from '#schema/container-config.ts';
import { resolveInRoot } from '#kernel/resolve-in-root.ts';
import { writeContainerFiles } from '../containers/container-files.ts';
import type { ContainerRecord } from '../containers/container-record.ts';
import { createdState } from '../containers/container-state.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { ContainerPlace } from '../processes/runtime-preparation.ts';
import { fileFactsOf } from '../containers/file-facts.ts';
import { remappingFor } from '../containers/remapping.ts';
import { describeStartFailure } from '../containers/start-failure.ts';
import { makeWorkingDirectory } from '../containers/working-directory.ts';
import type { RunNode } from './build-node.ts';
import type { BuildSession } from './build-session.ts';
import type { CacheDirectories } from './cache-directories.ts';
import { StepMounts, type InputLayers } from './step-mounts.ts';
import { readOutput } from './step-output.ts';
import { serveStepShell } from './step-shell.ts';

export interface RunStepOptions {
  readonly parts: EngineParts;
  readonly caches: CacheDirectories;
  readonly session: BuildSession | undefined;
  /** What every step's container is made with. */
  readonly hostConfig: HostConfig;
  readonly onOutput: (stream: 1 | 2, chunk: Buffer) => void;
  /** Takes what is left to give back once the layer is kept, so that the next step need not wait for it. */
  readonly later: (undo: AsyncDisposableStack) => void;
  readonly signal: AbortSignal;
}

/** What the runtime mounts over, and makes where it is missing. */
const mountedAlways = ['/proc', '/dev', '/sys', '/etc/hosts', '/etc/resolv.conf'];
const killSignal = 9;
const cannotExecute = 126;
const cannotFind = 127;

/**
 * Runs the command and gives the archive of what it changed to `keep`, while the file system is still there.
 * @throws build.solve_failed with BuildKit's text when the command fails; nothing is left behind
 */
export async function runStep<T>(node: RunNode, inputs: InputLayers, options: RunStepOptions, keep: (archive: ChangesArchive) => Promise<T>): Promise<T> {
  const { parts, signal } = options;
  const { snapshotter, networks, runtime, launcher, paths } = parts;
  const id = newIdentifier();
  await using undo = new AsyncDisposableStack();
  const remapping = remappingFor(parts, options.hostConfig);
  // As with BuildKit there is nothing between the step and what it is made over.
  await snapshotter.create(id, inputs[0], { plain: true, remapped: remapping !== undefined });
  undo.defer(async () => await snapshotter.remove(id));
  undo.defer(async () => await rm(paths.containerDirectory(id), { recursive: true, force: true }));
  const ofImage = (input: number): boolean => node.inputs[input]?.kind === 'image';
  const mounts = undo.use(new StepMounts({ ...options, command: node.command, ofImage, snapshotter, mapping: remapping?.mapping, directory: `${paths.runDirectory(id)}-mounts` }));
  const places = await mounts.make(node.mounts, inputs);
  const record = recordOf(node, id, { ...options, variables: mounts.variables });
  if (record.config.WorkingDir !== '' && record.config.WorkingDir !== '/') await makeWorkingDirectory(snapshotter, id, record.config.WorkingDir, remapping);
  const rootfs = await snapshotter.mount(id);
  const stubs = missingPlaces(rootfs, [...mountedAlways, ...places.map(({ destination }) => destination)]);
  const sandbox = await networks.create({
    containerId: id, containerName: `build step ${node.name}`, networkMode: record.hostConfig.NetworkMode, exposedPorts: [], portBindings: {}, publishAll: false, hostname: record.config.Hostname, owner: remapping,
  });
  undo.defer(async () => await networks.destroy(id, sandbox));
  const files = writeContainerFiles(record, fileFactsOf(parts, record, sandbox));
  if (node.network !== 'host') writeFileSync(files.hosts, hostsOf(node, parts));
  const cgroupPath = runtime.cgroupPath(record);
  const place: ContainerPlace = {
    rootfs,
    networkNamespace: node.network === 'host' ? undefined : sandbox.namespacePath,
    userNamespace: sandbox.userNamespacePath,
    files: { hosts: files.hosts, resolvConf: files.resolvConf },
    mounts: places,
    pidOf: (reference) => {
      throw new Error(`bug: a build step has no part in ${reference}`);
    },
  };
  const launch = await runtime.prepare(record, place);
  undo.defer(async () => await runtime.release(id, cgroupPath));
  const exitCode = await execute();
  if (exitCode !== 0) {
    const killed = runtime.oomKilled(record) ? ': cannot allocate memory' : '';
    const failure = fail('build.solve_failed', { message: `process ${JSON.stringify(node.command.join(' '))} did not complete successfully: exit code: ${exitCode}${killed}` });
    const shell = options.session?.openShell({ step: node.name, failure: failure.message }, signal);
    if (shell !== undefined) await serveStepShell(shell, { record, place, parts, signal });
    throw failure;
  }
  removeStubs(stubs);
  const kept = await keep(await snapshotter.archiveChanges(id));
  options.later(undo.move());
  return kept;

  async function execute(): Promise<number> {
    let shim;
    try {
      shim = await launcher.launch({ ...launch, attachments: [{ stdin: false, stdout: true, stderr: true }] }, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { error: failure, exitCode: code } = describeStartFailure(error, record);
      if (code !== cannotFind && code !== cannotExecute) throw fail('build.solve_failed', { message: failure.message }, error);
      // BuildKit's runtime tells it on the step's output and ends with 1.
      options.onOutput(2, Buffer.from(`${failure.message.replace(/^.*?unable to start container process: /, 'runc run failed: unable to start container process: ').replace(/: is a directory: permission denied$/, ': is a directory')}\n`));
      return 1;
    }
    await using process = shim;
    const stop = (): void => {
      process.signal(killSignal);
      void runtime.killAll(record);
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const [stream] = process.attached;
      if (stream !== undefined) await readOutput(stream, options.onOutput);
      const { exitCode: code } = await process.exited;
      // Processes that outlive the command do not outlive the step.
      await runtime.killAll(record);
      signal.throwIfAborted();
      return code;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** As BuildKit writes them. */
function hostsOf({ hostname, hosts }: RunNode, { networks }: EngineParts): string {
  const gateway = networks.inspect('bridge').IPAM.Config?.[0]?.Gateway ?? '';
  const own = hosts.map((entry) => `${entry.slice(entry.indexOf(':') + 1).replace(/^host-gateway$/, gateway).replace(/^\[|\]$/g, '')}\t${entry.slice(0, entry.indexOf(':'))}\n`);
  return `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n${own.join('')}`;
}

function recordOf(node: RunNode, id: string, { hostConfig, parts, variables }: RunStepOptions & { variables: readonly string[] }): ContainerRecord {
  const config: ContainerConfig = {
    Hostname: node.hostname, Domainname: '', User: node.user, AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, OpenStdin: false, StdinOnce: false,
    // Without one of its own, the variable of a container's name stays out.
    Env: [...node.environment, ...node.proxies, ...variables, ...(node.environment.some((variable) => variable.startsWith('HOSTNAME=')) ? [] : ['HOSTNAME'])], Cmd: [...node.command], Image: '', Volumes: null, WorkingDir: node.directory, Entrypoint: null, OnBuild: null, Labels: {},
  };
  const asked: HostConfig = {
    ...structuredClone(hostConfig),
    NetworkMode: node.network === 'default' ? 'bridge' : node.network,
    ExtraHosts: node.hosts.length === 0 ? null : [...node.hosts],
    Privileged: node.insecure,
    ...(node.sharedMemory > 0 ? { ShmSize: node.sharedMemory } : {}),
    ...(node.ulimits.length > 0 ? { Ulimits: node.ulimits.map((limit) => ({ ...limit })) } : {}),
    ...(node.cgroupParent === '' ? {} : { CgroupParent: node.cgroupParent }),
    LogConfig: { Type: 'none', Config: {} },
  };
  const { hostConfig: complete } = parts.runtime.complete(asked, config);
  const [path = '', ...args] = node.command;
  return {
    id, name: `build-${id.slice(0, 12)}`, created: timestampNow(), path, args, config, hostConfig: complete, endpointSettings: {}, imageId: '', topLayer: undefined, state: createdState,
    restartCount: 0, manuallyStopped: false, startedBefore: false, mounts: [], sandbox: undefined, process: undefined,
  };
}

/** A place that mounting makes, and the directory it is made in with its times; undefined where that is made, too. */
interface Stub {
  readonly path: string;
  readonly parent: string;
  readonly times: { readonly accessed: Date; readonly modified: Date } | undefined;
}

/** Which of these paths and their parents are not there yet: mounting over them makes them. Parents first. */
function missingPlaces(rootfs: string, destinations: readonly string[]): Stub[] {
  const stubs = new Map<string, Stub>();
  for (const destination of destinations) {
    let parent = rootfs;
    let way = '';
    for (const part of destination.split('/').filter((name) => name !== '')) {
      way += `/${part}`;
      const real = resolveInRoot(rootfs, way);
      const path = real ?? join(parent, part);
      if (real === undefined && !stubs.has(path)) {
        const status = lstatSync(parent, { throwIfNoEntry: false });
        stubs.set(path, { path, parent, times: status && { accessed: status.atime, modified: status.mtime } });
      }
      parent = path;
    }
  }
  return [...stubs.values()];
}

/** What mounting made and the command left empty goes, and the directories around it look as before. */
function removeStubs(stubs: readonly Stub[]): void {
  for (const { path, parent, times } of stubs.toReversed()) {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) continue;
    try {
      if (status.isDirectory()) rmdirSync(path);
      else if (status.isFile() && status.size === 0) rmSync(path);
      else continue;
    } catch (error) {
      // The command put something there.
      if (error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY') {
        // The runtime makes places with the sticky bit set.
        if ((status.mode & 0o7777) === 0o1755) chmodSync(path, 0o755);
        continue;
      }
      throw error;
    }
    if (times !== undefined) utimesSync(parent, times.accessed, times.modified);
  }
}
