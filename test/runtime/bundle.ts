/**
 * Runs containers with the real runtimes from specifications of this engine: a root filesystem of the
 * system's static busybox, in a directory of its own, with a network namespace of its own.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostConfig } from '#schema/container-config.ts';
import { openCgroups } from '#kernel/cgroups/open-cgroups.ts';
import { readHostFacts } from '#runtime/host-facts.ts';
import { normalizeHostConfig } from '#runtime/host-config/normalize-host-config.ts';
import { buildRuntimeSpecification, type SpecificationInput } from '#runtime/runtime-specification.ts';
import type { RuntimeSpecification } from '#runtime/specification/types.ts';
import { resolveUser } from '#runtime/users/resolve-user.ts';
import { emptyHostConfig } from './empty-host-config.ts';

const applets = ['sh', 'cat', 'ls', 'echo', 'id', 'env', 'mount', 'mkdir', 'touch', 'chown', 'hostname', 'grep', 'sleep', 'unshare', 'test', 'ulimit', 'dd', 'stat', 'head', 'wc', 'mknod', 'readlink', 'df', 'true', 'pwd', 'tty', 'stty', 'ps'];

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ContainerSettings {
  readonly args: readonly string[];
  readonly hostConfig?: Partial<HostConfig>;
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly domainname?: string;
  readonly input?: Partial<SpecificationInput>;
}

export class Bundle implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dhow-bundle-'));
  readonly rootfs = join(this.directory, 'rootfs');
  readonly id = `dhow-test-${process.pid}-${this.directory.slice(-6).toLowerCase()}`;
  readonly cgroups = openCgroups();
  readonly #cgroupParent = `/dhow-test-${process.pid}`;
  readonly cgroupsPath = `${this.#cgroupParent}/${this.id}`;
  readonly host = readHostFacts();
  #network: ChildProcess | undefined;

  constructor() {
    for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'sbin', 'home/app']) mkdirSync(join(this.rootfs, name), { recursive: true });
    copyFileSync('/bin/busybox', join(this.rootfs, 'bin/busybox'));
    for (const name of applets) symlinkSync('busybox', join(this.rootfs, 'bin', name));
    writeFileSync(join(this.rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1500:1600:app:/home/app:/bin/sh\n');
    writeFileSync(join(this.rootfs, 'etc/group'), 'root:x:0:\nappgrp:x:1600:\nstaff:x:1700:app\n');
  }

  /** Puts a program of the host, built for the test, into the container. */
  addProgram(path: string, name: string): void {
    cpSync(path, join(this.rootfs, 'bin', name));
  }

  async build(settings: ContainerSettings): Promise<RuntimeSpecification> {
    const hostConfig = normalizeHostConfig(
      { ...emptyHostConfig, ...settings.hostConfig },
      { cgroupVersion: this.cgroups.version, capabilities: this.host.capabilities, maskedProcessorPaths: [] },
    );
    return buildRuntimeSpecification({
      rootfs: this.rootfs,
      process: {
        args: settings.args,
        env: settings.env ?? [],
        workingDirectory: settings.workingDirectory ?? '',
        terminal: false,
        user: resolveUser(this.rootfs, settings.user ?? '', hostConfig.GroupAdd ?? []),
      },
      hostname: 'box',
      domainname: settings.domainname ?? '',
      hostConfig,
      namespaces: { network: hostConfig.NetworkMode === 'host' ? undefined : await this.#networkNamespace() },
      files: {},
      mounts: [],
      cgroupsPath: this.cgroupsPath,
      host: this.host,
      ...settings.input,
    });
  }

  async run(settings: ContainerSettings, runtime: 'crun' | 'runc' = 'crun'): Promise<RunResult> {
    return await this.runSpecification(await this.build(settings), runtime);
  }

  /** Runs to the end. Version 1 cgroups are joined before the runtime starts with crun, made by the runtime with runc. */
  async runSpecification(specification: RuntimeSpecification, runtime: 'crun' | 'runc' = 'crun'): Promise<RunResult> {
    const child = this.start(specification, runtime);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    await this.cgroups.remove(this.cgroupsPath);
    return { exitCode: code ?? (signal === null ? -1 : 255), stdout: await stdout, stderr: await stderr };
  }

  /** The runtime in the foreground. */
  start(specification: RuntimeSpecification, runtime: 'crun' | 'runc' = 'crun'): ChildProcess {
    writeFileSync(join(this.directory, 'config.json'), JSON.stringify(specification));
    const placement = runtime === 'crun' ? this.cgroups.create(this.cgroupsPath, specification.linux.resources) : { kind: 'runtime' as const };
    const joining = placement.kind === 'join' ? placement.tasksFiles.map((file) => `echo 0 > ${file} && `).join('') : '';
    const manager = placement.kind === 'join' ? '--cgroup-manager=disabled ' : '';
    // crun refuses a machine with controllers in both versions unless it cannot see the second.
    const hide = runtime === 'crun' ? 'if [ -d /sys/fs/cgroup/unified ]; then mount -t tmpfs none /sys/fs/cgroup/unified; fi && ' : '';
    const command = `${hide}${joining}exec ${runtime} ${manager}--root ${this.directory}/state run --bundle ${this.directory} ${this.id}`;
    return spawn('unshare', ['-m', 'sh', '-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async #networkNamespace(): Promise<string> {
    if (this.#network === undefined) {
      this.#network = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
      if (this.#network.stdout !== null) await once(this.#network.stdout, 'data');
    }
    return `/proc/${this.#network.pid}/ns/net`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#network?.kill('SIGKILL');
    for (const runtime of ['crun', 'runc']) spawnSync(runtime, ['--root', `${this.directory}/state`, 'delete', '--force', this.id]);
    if (this.cgroups.exists(this.cgroupsPath)) {
      await this.cgroups.kill(this.cgroupsPath);
      await this.cgroups.remove(this.cgroupsPath);
    }
    await this.cgroups.remove(this.#cgroupParent);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return '';
  return Buffer.concat((await Array.fromAsync(stream)) as Buffer[]).toString();
}
