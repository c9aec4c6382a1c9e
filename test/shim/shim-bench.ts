/**
 * A place to run real containers by the shim: a busybox bundle, directories and cgroups of its own, all
 * of which vanish with it. Needs root, crun and busybox-static.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import type { AttachOptions, AttachStream, CgroupPlacement, ContainerLaunch, ExecLaunch, LogOptions, ShimLauncher, ShimProcess, StdioOptions } from '#runtime/contract.ts';
import { createShimLauncher } from '#runtime/shim-launcher.ts';

const root = new URL('../..', import.meta.url).pathname;
/** DHOW_SHIM names another build of it, as one with sanitizers. */
export const shimPath = process.env['DHOW_SHIM'] ?? `${root}build/dhow-shim`;

const cgroupRoot = '/sys/fs/cgroup';

/** Builds the shim when it is not there or was made of other sources; see `native/shim/build`. */
export function buildShim(): void {
  if (process.env['DHOW_SHIM'] !== undefined) return;
  const sources = execFileSync('/bin/sh', ['-c', 'cat native/shim/build native/shim/*.[ch] | sha256sum'], { cwd: root, encoding: 'utf8' });
  if (existsSync(shimPath) && existsSync(`${shimPath}.sources`) && readFileSync(`${shimPath}.sources`, 'utf8') === sources) return;
  execFileSync(`${root}native/shim/build`, { stdio: 'pipe' });
}

export interface ContainerOptions {
  readonly id?: string;
  readonly stdio?: Partial<StdioOptions>;
  readonly attachments?: readonly AttachOptions[];
  readonly log?: Partial<LogOptions> | null;
  readonly runtimePath?: string;
  readonly specification?: Readonly<Record<string, unknown>>;
  readonly hostPids?: boolean;
  /** Default: with crun. */
  readonly held?: boolean;
  readonly withoutCoreLink?: boolean;
}

export const attachAll: AttachOptions = { stdin: true, stdout: true, stderr: true };
export const attachOutput: AttachOptions = { stdin: false, stdout: true, stderr: true };

export class ShimBench implements AsyncDisposable {
  readonly directory: string;
  readonly runRoot: string;
  readonly launcher: ShimLauncher;
  readonly #cgroups: string[] = [];
  readonly #processes: ShimProcess[] = [];

  constructor() {
    buildShim();
    this.directory = mkdtempSync('/var/tmp/shim-bench-');
    this.runRoot = mkdtempSync('/run/shim-bench-');
    this.launcher = createShimLauncher({ shimPath });
    this.#makeRootfs();
  }

  get logPath(): string {
    return `${this.directory}/container.log`;
  }

  get runtimeRoot(): string {
    return `${this.runRoot}/runtime`;
  }

  container(parameters: readonly string[], options: ContainerOptions = {}): ContainerLaunch {
    const id = options.id ?? randomBytes(8).toString('hex');
    const stdio: StdioOptions = { terminal: false, stdin: 'none', ...options.stdio };
    const bundle = `${this.directory}/bundle-${id}`;
    mkdirSync(bundle, { recursive: true });
    writeFileSync(`${bundle}/config.json`, JSON.stringify({ ...this.#specification(id, parameters, stdio, options.hostPids ?? false), ...options.specification }));
    return {
      kind: 'container',
      containerId: id,
      runtimePath: options.runtimePath ?? '/usr/bin/crun',
      crun: (options.runtimePath ?? 'crun').includes('crun'),
      runtimeRoot: this.runtimeRoot,
      program: parameters[0] ?? '',
      stdio,
      cgroup: this.#placement(id, (options.runtimePath ?? 'crun').includes('crun')),
      runDirectory: `${this.runRoot}/${id}`,
      stateDirectory: this.directory,
      attachments: options.attachments ?? [],
      bundle,
      held: options.held ?? (options.runtimePath ?? 'crun').includes('crun'),
      withoutCoreLink: options.withoutCoreLink ?? false,
      log: options.log === null ? undefined : { path: this.logPath, maxSize: 0, maxFiles: 1, ...options.log },
    };
  }

  exec(container: ContainerLaunch, parameters: readonly string[], options: Pick<ContainerOptions, 'stdio' | 'attachments'> = {}): ExecLaunch {
    const execId = randomBytes(8).toString('hex');
    const { containerId, runtimePath, crun, runtimeRoot, cgroup, stateDirectory } = container;
    const stdio: StdioOptions = { terminal: false, stdin: 'none', ...options.stdio };
    return {
      kind: 'exec',
      execId,
      containerId,
      runtimePath,
      crun,
      runtimeRoot,
      program: parameters[0] ?? '',
      cgroup,
      stateDirectory,
      stdio,
      runDirectory: `${this.runRoot}/exec-${execId}`,
      attachments: options.attachments ?? [],
      process: { terminal: stdio.terminal, ...consoleSizeOf(stdio), user: { uid: 0, gid: 0 }, args: parameters, env: ['PATH=/bin'], cwd: '/' },
    };
  }

  async launch(launch: ContainerLaunch | ExecLaunch, signal: AbortSignal = new AbortController().signal): Promise<ShimProcess> {
    const process = await this.launcher.launch(launch, signal);
    this.#processes.push(process);
    return process;
  }

  /** Runs a container to its end with one client attached. */
  async run(parameters: readonly string[], options: ContainerOptions = {}): Promise<{ exitCode: number; output: Buffer }> {
    const process = await this.launch(this.container(parameters, { attachments: [attachOutput], ...options }));
    const [stream] = process.attached;
    if (stream === undefined) throw new Error('no attachment');
    const [output, report] = await Promise.all([readAll(stream), process.exited]);
    return { exitCode: report.exitCode, output };
  }

  log(): { log: string; stream: string; time: string; attrs?: unknown }[] {
    return readFileSync(this.logPath, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) {
      process.signal(9);
      await process.exited;
      for (const stream of process.attached) stream.destroy();
      await process[Symbol.asyncDispose]();
    }
    for (const directory of this.#cgroups) await removeCgroup(directory);
    await rm(this.runRoot, { recursive: true, force: true });
    await rm(this.directory, { recursive: true, force: true });
  }

  #makeRootfs(): void {
    const rootfs = `${this.directory}/rootfs`;
    for (const name of ['bin', 'proc', 'dev', 'sys', 'etc', 'tmp']) mkdirSync(`${rootfs}/${name}`, { recursive: true });
    cpSync('/usr/bin/busybox', `${rootfs}/bin/busybox`);
    for (const name of ['sh', 'true', 'echo', 'sleep', 'cat', 'stty', 'head', 'printf', 'kill', 'dd', 'tr', 'ps', 'seq', 'yes', 'md5sum', 'wc', 'usleep', 'trap']) {
      symlinkSync('busybox', `${rootfs}/bin/${name}`);
    }
    writeFileSync(`${rootfs}/bin/plain-text`, 'this is no program');
    writeFileSync(`${rootfs}/bin/bad-format`, '\x7fELF of nothing', { mode: 0o755 });
  }

  #placement(id: string, crun: boolean): CgroupPlacement {
    const hierarchies = ['cpu', 'cpuacct', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd'].filter((name) => existsSync(`${cgroupRoot}/${name}/tasks`));
    if (!crun || hierarchies.length === 0) {
      // To be removed by whoever asked the runtime to make them.
      for (const parent of ['', ...readdirSync(cgroupRoot)]) this.#cgroups.push(`${cgroupRoot}/${parent}/shim-bench-${id}`);
      return { kind: 'runtime' };
    }
    const tasksFiles = hierarchies.map((name) => {
      const directory = `${cgroupRoot}/${name}/shim-bench-${id}`;
      mkdirSync(directory, { recursive: true });
      this.#cgroups.push(directory);
      return `${directory}/tasks`;
    });
    return { kind: 'join', tasksFiles };
  }

  #specification(id: string, args: readonly string[], stdio: StdioOptions, hostPids: boolean): object {
    const capabilities = ['CAP_KILL', 'CAP_CHOWN', 'CAP_SETUID', 'CAP_SETGID'];
    return {
      ociVersion: '1.0.2',
      process: {
        terminal: stdio.terminal,
        ...consoleSizeOf(stdio),
        user: { uid: 0, gid: 0 },
        args,
        env: ['PATH=/bin', 'TERM=xterm'],
        cwd: '/',
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
        noNewPrivileges: true,
      },
      root: { path: `${this.directory}/rootfs`, readonly: true },
      hostname: 'bench',
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'] },
        { destination: '/tmp', type: 'tmpfs', source: 'tmpfs' },
      ],
      linux: {
        cgroupsPath: `/shim-bench-${id}`,
        namespaces: ['mount', 'ipc', 'uts', 'network', ...(hostPids ? [] : ['pid'])].map((type) => ({ type })),
      },
    };
  }
}

/** The runtime sets the size before the process runs; the shim alone could not promise that. */
function consoleSizeOf({ terminal, consoleSize }: StdioOptions): object {
  return terminal && consoleSize !== undefined ? { consoleSize: { height: consoleSize.rows, width: consoleSize.columns } } : {};
}

async function removeCgroup(directory: string): Promise<void> {
  await eventually(() => {
    if (!existsSync(directory)) return true;
    try {
      // A test that failed may have left containers running that no process here stands for.
      for (const pid of readFileSync(`${directory}/cgroup.procs`, 'utf8').split('\n').filter(Boolean)) globalThis.process.kill(Number(pid), 'SIGKILL');
      rmdirSync(directory);
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'EBUSY' || error.code === 'ESRCH')) return false;
      throw error;
    }
  }, `removal of ${directory}`);
}

/** Waits on a condition. */
export async function eventually(check: () => boolean | Promise<boolean>, what: string, milliseconds = 20_000): Promise<void> {
  const limit = Date.now() + milliseconds;
  while (!(await check())) {
    if (Date.now() > limit) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Everything a stream gives, to its end. */
export async function readAll(stream: AttachStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await finished(stream, { writable: false });
  return Buffer.concat(chunks);
}

/** Takes the Engine API's frames apart. */
export function demultiplex(data: Buffer): { stdout: Buffer; stderr: Buffer } {
  const parts: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at < data.length; ) {
    const type = data[at];
    const length = data.readUInt32BE(at + 4);
    if ((type !== 1 && type !== 2) || at + 8 + length > data.length) throw new Error(`no frame at ${at}`);
    parts[type - 1]?.push(data.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { stdout: Buffer.concat(parts[0]), stderr: Buffer.concat(parts[1]) };
}

export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}
