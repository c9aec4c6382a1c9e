/** The mounts of a RUN: other file systems, kept directories, secrets and agents. All is given back when disposed. */
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { ownerOnHost, rootOnHost, type IdentityMapping } from '#base/identity-mapping.ts';
import type { Snapshotter } from '#image/contract.ts';
import { mount, mountFlags, unmount } from '#kernel/mounts.ts';
import { resolveInRoot } from '#kernel/resolve-in-root.ts';
import { bindOptions } from '#runtime/specification/mounts.ts';
import type { SpecificationMount } from '#runtime/specification/types.ts';
import { AgentSocket } from './agent-socket.ts';
import { missing } from './copy-sources.ts';
import type { RunMount } from './build-node.ts';
import type { BuildSession } from './build-session.ts';
import type { CacheDirectories } from './cache-directories.ts';

export interface StepMountsOptions {
  readonly snapshotter: Snapshotter;
  readonly caches: CacheDirectories;
  readonly session: BuildSession | undefined;
  readonly command: readonly string[];
  /** Whether an input is an image as it is. */
  readonly ofImage: (input: number) => boolean;
  /** Of the step's users; undefined: they are the host's. */
  readonly mapping: IdentityMapping | undefined;
  /** Of this step's own, on memory: secrets never touch the disk. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** Top layers of a step's inputs, by input. */
export type InputLayers = readonly (string | undefined)[];

export class StepMounts implements AsyncDisposable {
  readonly #options: StepMountsOptions;
  readonly #opened = new AsyncDisposableStack();
  readonly variables: string[] = [];
  #count = 0;

  constructor(options: StepMountsOptions) {
    this.#options = options;
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    // The step's root has to get to what is mounted, nobody else.
    if (options.mapping !== undefined) {
      chownSync(options.directory, 0, rootOnHost(options.mapping).gid);
      chmodSync(options.directory, 0o710);
    }
    this.#opened.defer(() => rmSync(options.directory, { recursive: true, force: true }));
    mount({ source: 'tmpfs', target: options.directory, type: 'tmpfs', flags: mountFlags.noSuid | mountFlags.noDevices, data: 'mode=0700' });
    this.#opened.defer(() => void unmount(options.directory));
  }

  /** @throws build.solve_failed with BuildKit's text */
  async make(mounts: readonly RunMount[], inputs: InputLayers): Promise<SpecificationMount[]> {
    const made: SpecificationMount[] = [];
    for (const mount of mounts) {
      const one = await this.#make(mount, inputs);
      if (one !== undefined) made.push(one);
    }
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async #make(mount: RunMount, inputs: InputLayers): Promise<SpecificationMount | undefined> {
    switch (mount.type) {
      case 'tmpfs':
        return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', ...(mount.size > 0 ? [`size=${mount.size}`] : []), ...(mount.readonly ? ['ro'] : [])] };
      case 'secret':
        return await this.#secret(mount);
      case 'ssh':
        return await this.#agent(mount);
      case 'cache':
        return bind(mount, await this.#cache(mount, inputs));
      default:
        return bind(mount, this.#inside(await this.#input(mount, inputs), mount));
    }
  }

  /** A path of a mounted file system, links followed inside it. @throws build.solve_failed */
  #inside(root: string, { input, source }: RunMount): string {
    const wanted = posix.join('/', source);
    if (wanted === '/') return root;
    const real = resolveInRoot(root, wanted);
    if (real !== undefined) return real;
    if (input === undefined || !this.#options.ofImage(input)) throw missing(wanted, newIdentifier().slice(0, 25));
    throw fail('build.solve_failed', { message: `process ${JSON.stringify(this.#options.command.join(' '))} did not complete successfully: open ${wanted}: no such file or directory` });
  }

  #own(path: string, { uid = 0, gid = 0 }: { readonly uid?: number | undefined; readonly gid?: number | undefined }): void {
    const { mapping } = this.#options;
    const owner = mapping === undefined ? { uid, gid } : ownerOnHost(mapping, { uid, gid });
    chownSync(path, owner.uid, owner.gid);
  }

  /** The file system of an input, with a layer of its own for what is written. */
  async #input({ input }: RunMount, inputs: InputLayers): Promise<string> {
    const { snapshotter } = this.#options;
    const id = newIdentifier();
    await snapshotter.create(id, input === undefined ? undefined : inputs[input], { plain: true, remapped: this.#options.mapping !== undefined });
    this.#opened.defer(async () => await snapshotter.remove(id));
    return await snapshotter.mount(id);
  }

  async #cache(mount: RunMount, inputs: InputLayers): Promise<string> {
    const { caches, signal } = this.#options;
    const cache = await caches.open(mount.id, mount.sharing, signal);
    this.#opened.use(cache);
    if (cache.fresh) {
      if (mount.input !== undefined) await caches.fill(cache, await this.#input(mount, inputs), mount.source);
      chmodSync(cache.path, mount.mode ?? 0o755);
      this.#own(cache.path, mount);
    }
    return cache.path;
  }

  async #secret({ id, required, variable, target, mode = 0o400, uid = 0, gid = 0 }: RunMount): Promise<SpecificationMount | undefined> {
    const { session, signal, directory } = this.#options;
    const secret = await session?.secret(id, signal);
    if (secret === undefined) {
      if (required) throw fail('build.solve_failed', { message: `secret ${id}: not found` });
      return undefined;
    }
    if (variable !== undefined) this.variables.push(`${variable}=${secret.toString('utf8')}`);
    if (target === '') return undefined;
    const path = join(directory, `secret-${this.#count++}`);
    writeFileSync(path, secret, { mode: 0o600, flag: 'wx' });
    chmodSync(path, mode);
    this.#own(path, { uid, gid });
    return { destination: target, type: 'bind', source: path, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec', 'rprivate'] };
  }

  async #agent({ id, required, target, mode = 0o600, uid = 0, gid = 0 }: RunMount): Promise<SpecificationMount | undefined> {
    const { session, signal, directory } = this.#options;
    // Told also where no agent is there, as by BuildKit.
    if (!this.variables.some((variable) => variable.startsWith('SSH_AUTH_SOCK='))) this.variables.push(`SSH_AUTH_SOCK=${target}`);
    if (session === undefined || !(await session.hasAgent(id, signal))) {
      if (required) throw fail('build.solve_failed', { message: `unset ssh forward key ${id}` });
      return undefined;
    }
    const path = join(directory, `agent-${this.#count++}`);
    this.#opened.use(await AgentSocket.open({ session, id, path, signal }));
    chmodSync(path, mode);
    this.#own(path, { uid, gid });
    return { destination: target, type: 'bind', source: path, options: ['bind', 'rprivate'] };
  }
}

function bind({ target, readonly }: RunMount, source: string): SpecificationMount {
  const options = bindOptions({ writable: !readonly, propagation: 'rprivate', nonRecursive: undefined, readonlyNonRecursive: undefined, recursiveReadonly: false });
  return { destination: target, type: 'bind', source, options };
}
