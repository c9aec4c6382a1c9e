/**
 * An engine in memory for the tests of the API: it keeps containers, execs and images as objects, echoes
 * what is written to an attached process, and records what it was asked. It has no rules of its own beyond
 * what the tests need; the real engine's are tested with the real engine.
 */
import { once } from 'node:events';
import { Readable, type Duplex } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import type { AttachRequest, Engine, LogRequest } from '#engine/contract.ts';
import type { ContainerConfig, ContainerInspect, CreateRequest, EndpointSettings, ExecInspect, ExecRequest, NetworkSettings } from '#schema/container-config.ts';
import type { EventMessage } from '#schema/event-message.ts';
import type { ImageInspect, ProgressMessage } from '#schema/image-views.ts';
import type { NetworkInspect } from '#schema/network-views.ts';

const pathStat = { name: 'file', size: 7, mode: 0o644, mtime: '2024-01-02T03:04:05Z', linkTarget: '' };

interface DoubleContainer {
  readonly id: string;
  name: string;
  readonly request: CreateRequest;
  running: boolean;
  readonly exited: PromiseWithResolvers<number>;
}

interface DoubleExec {
  readonly id: string;
  readonly container: DoubleContainer;
  readonly request: ExecRequest;
  ended: boolean;
}

/** A view with only the fields a test looks at. */
function parts<T>(fields: Partial<T>): T {
  return fields as T;
}

/** A frame of a multiplexed stream. */
export function frame(stream: 1 | 2, text: string | Buffer): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

export class EngineDouble implements Engine {
  /** What was asked, in order: the use case's name and its arguments. */
  readonly calls: { readonly useCase: string; readonly arguments: readonly unknown[] }[] = [];
  /** What the next log request gives, and whether it then waits for its signal. */
  logChunks: readonly Buffer[] = [];
  logFollows = false;
  /** What load, pull, import and bootstrap give; an error is thrown in its place. */
  progress: readonly (ProgressMessage | Error)[] = [];
  /** Bytes of the archives that load and import were given. */
  received = 0;
  /** How save answers. */
  archive = (): Readable => Readable.from([Buffer.from('archive')]);
  /** Whether attached processes neither take input nor say anything. */
  silent = false;
  /** Connections that were joined to a process. */
  readonly joined: Duplex[] = [];
  /** What any of the use cases throws next. */
  failure: unknown;
  readonly published: EventMessage[] = [];
  readonly #containers: DoubleContainer[] = [];
  readonly #execs: DoubleExec[] = [];
  #eventArrived = Promise.withResolvers<void>();

  /** Signals of use cases that have been given one, newest last. */
  readonly signals: AbortSignal[] = [];

  addContainer(name: string, request: Partial<CreateRequest> = {}): string {
    const id = newIdentifier();
    const container = { id, name, request: parts<CreateRequest>(request), running: true, exited: Promise.withResolvers<number>() };
    this.#containers.push(container);
    return id;
  }

  exit(reference: string, code: number): void {
    const container = this.#find(reference);
    container.running = false;
    container.exited.resolve(code);
  }

  publish(event: Partial<EventMessage>): void {
    this.published.push({ Type: 'container', Action: 'start', Actor: { ID: 'x', Attributes: {} }, scope: 'local', time: 1, timeNano: 1n, ...event });
    this.#eventArrived.resolve();
    this.#eventArrived = Promise.withResolvers();
  }

  last(useCase: string): readonly unknown[] {
    const call = this.calls.findLast((candidate) => candidate.useCase === useCase);
    if (call === undefined) throw new Error(`${useCase} was not called; called were: ${this.calls.map(({ useCase: name }) => name).join(', ')}`);
    return call.arguments;
  }

  #note(useCase: string, ...args: readonly unknown[]): void {
    this.calls.push({ useCase, arguments: args });
    for (const argument of args) if (hasSignal(argument)) this.signals.push(argument.signal);
    if (this.failure === undefined) return;
    const { failure } = this;
    this.failure = undefined;
    throw failure;
  }

  #find(reference: string): DoubleContainer {
    const found = this.#containers.find(({ id, name }) => id === reference || name === reference);
    if (found === undefined) throw fail('container.not_found', { reference });
    return found;
  }

  #findExec(id: string): DoubleExec {
    const exec = this.#execs.find((candidate) => candidate.id === id);
    if (exec === undefined) throw fail('exec.not_found', { id });
    return exec;
  }

  readonly archives: Engine['archives'] = {
    changes: async (reference) => {
      this.#note('archives.changes', reference);
      return [];
    },
    stat: async (reference, path) => {
      this.#note('archives.stat', reference, path);
      return pathStat;
    },
    copyOut: async (reference, path) => {
      this.#note('archives.copyOut', reference, path);
      return { stat: pathStat, archive: Readable.from([Buffer.from('archive')]) };
    },
    copyIn: async (reference, path, archive, { signal: _signal, ...options }) => {
      archive.resume();
      this.#note('archives.copyIn', reference, path, options);
    },
    export: async (reference) => {
      this.#note('archives.export', reference);
      return Readable.from([Buffer.from('archive')]);
    },
  };

  readonly containers: Engine['containers'] = {
    create: async (name, request, options) => {
      this.#note('containers.create', name, request, options);
      return { Id: this.addContainer(name, request), Warnings: [] };
    },
    list: async (options) => {
      this.#note('containers.list', options);
      return [];
    },
    inspect: async (reference, options) => {
      this.#note('containers.inspect', reference, options);
      const { id, name } = this.#find(reference);
      return parts<ContainerInspect>({
        Id: id,
        Name: `/${name}`,
        Config: parts<ContainerConfig>({ Hostname: id.slice(0, 12), Labels: { a: '<&>' } }),
        NetworkSettings: parts<NetworkSettings>({ Networks: { bridge: parts<EndpointSettings>({ Aliases: null }), own: parts<EndpointSettings>({ Aliases: ['web'] }) } }),
      });
    },
    start: async (reference, options) => {
      this.#note('containers.start', reference, options);
      const container = this.#find(reference);
      if (container.running) throw fail('container.already_started');
      container.running = true;
    },
    stop: async (reference, { requester: _requester, ...options }) => {
      this.#note('containers.stop', reference, options);
      this.exit(reference, 137);
    },
    restart: async (reference, { requester: _requester, ...options }) => {
      this.#note('containers.restart', reference, options);
      this.#find(reference);
    },
    kill: async (reference, signalName) => {
      this.#note('containers.kill', reference, signalName);
      this.exit(reference, 137);
    },
    stats: (reference, request) => {
      this.#note('containers.stats', reference, request);
      return Readable.from([]);
    },
    update: async (reference, request) => {
      this.#note('containers.update', reference, request);
      return { Warnings: null };
    },
    pause: async (reference) => this.#note('containers.pause', reference),
    unpause: async (reference) => this.#note('containers.unpause', reference),
    rename: async (reference, name) => {
      this.#note('containers.rename', reference, name);
      this.#find(reference).name = name;
    },
    remove: async (reference, { requester: _requester, ...options }) => {
      this.#note('containers.remove', reference, options);
      this.#containers.splice(this.#containers.indexOf(this.#find(reference)), 1);
    },
    wait: async (reference, condition, signal) => {
      this.#note('containers.wait', reference, condition, { signal });
      const exited = this.#find(reference).exited.promise;
      return { result: abortable(exited, signal).then((StatusCode) => ({ StatusCode })) };
    },
    logs: async (reference, request: LogRequest, signal) => {
      this.#note('containers.logs', reference, request, { signal });
      const terminal = this.#find(reference).request.Tty ?? false;
      const { logChunks, logFollows } = this;
      const chunks = async function* (): AsyncIterable<Buffer> {
        yield* logChunks;
        if (logFollows) await abortable(Promise.withResolvers<never>().promise, signal);
      };
      return { terminal, chunks: chunks() };
    },
    attach: async (reference, request: AttachRequest) => {
      this.#note('containers.attach', reference, request);
      const terminal = this.#find(reference).request.Tty ?? false;
      return { terminal, join: (client, signal) => this.#echo(client, { terminal, signal, ...request }) };
    },
    resize: async (reference, size) => {
      this.#note('containers.resize', reference, size);
      this.#find(reference);
    },
    reach: async (reference) => {
      this.#note('containers.reach', reference);
      return [];
    },
    explain: async (reference) => {
      this.#note('containers.explain', reference);
      return { Id: 'x', Name: '/x', Status: 'exited', Cause: 'finished', Verdict: 'its program finished successfully', Evidence: [], LastLines: [], NextStep: 'nothing is wrong', ExitCode: 0, RestartCount: 0 };
    },
    top: async (reference, psArguments) => {
      this.#note('containers.top', reference, psArguments);
      this.#find(reference);
      return { Titles: ['PID'], Processes: [['1']] };
    },
    prune: async (filters) => {
      this.#note('containers.prune', filters);
      return { ContainersDeleted: null, SpaceReclaimed: 0 };
    },
  };

  readonly execs: Engine['execs'] = {
    create: async (reference, request) => {
      this.#note('execs.create', reference, request);
      const exec = { id: newIdentifier(), container: this.#find(reference), request, ended: false };
      this.#execs.push(exec);
      return { Id: exec.id };
    },
    startDetached: async (id, signal) => {
      this.#note('execs.startDetached', id, { signal });
      this.#findExec(id).ended = true;
    },
    startAttached: async (id, request) => {
      this.#note('execs.startAttached', id, request);
      const exec = this.#findExec(id);
      const terminal = exec.request.Tty;
      return {
        terminal,
        join: async (client, signal) => {
          await this.#echo(client, { terminal, signal, stdin: exec.request.AttachStdin });
          exec.ended = true;
        },
      };
    },
    inspect: async (id) => {
      this.#note('execs.inspect', id);
      return parts<ExecInspect>({ ID: this.#findExec(id).id });
    },
    resize: async (id, size) => {
      this.#note('execs.resize', id, size);
      this.#findExec(id);
    },
  };

  /** Says hello, then gives back all input until its end, then says goodbye: so the end of input must not end the output. */
  async #echo(client: Duplex, { terminal, signal, stdin }: { terminal: boolean; signal: AbortSignal; stdin: boolean }): Promise<void> {
    const write = async (text: string | Buffer): Promise<void> => {
      if (!client.write(terminal ? text : frame(1, text))) await once(client, 'drain', { signal });
    };
    this.joined.push(client);
    if (this.silent) {
      client.resume();
      await abortable(new Promise<void>((resolve) => client.once('close', resolve)), signal);
      return;
    }
    await write('hello\n');
    if (stdin) for await (const chunk of client.iterator({ destroyOnReturn: false })) await write(chunk);
    await write('bye\n');
    client.end();
  }

  readonly solver: Engine['solver'] = {
    workerId: 'double',
    ownedPaths: () => [],
    addSession: () => ({ [Symbol.dispose]: () => undefined }),
    solve: async (call) => {
      this.#note('solver.solve', call);
      return {};
    },
    status: () => Readable.from([]),
    frontend: async () => ({ refs: new Map(), metadata: {} }),
    finish: () => Promise.resolve(),
    keepsManifests: () => true,
    exportCacheMount: () => Readable.from([]),
    document: () => undefined,
    rules: () => [],
    readFile: async () => Buffer.alloc(0),
    usage: async () => [],
    prune: () => Readable.from([]),
    history: () => [],
    forget: () => undefined,
    cancel: () => undefined,
    hostGateway: () => '172.17.0.1',
  };

  readonly builds: Engine['builds'] = {
    build: (_context, request) => {
      this.#note('builds.build', request);
      return Readable.from([]);
    },
    prune: async () => {
      this.#note('builds.prune');
      return { CachesDeleted: null, SpaceReclaimed: 0 };
    },
    commit: async (reference, request) => {
      this.#note('builds.commit', reference, request);
      return { Id: 'sha256:committed' };
    },
  };

  readonly images: Engine['images'] = {
    list: async (options) => {
      this.#note('images.list', options);
      return [{ Containers: 0, Created: 1, Id: 'sha256:1', Labels: null, ParentId: '', RepoDigests: [], RepoTags: [], SharedSize: -1, Size: 5 }];
    },
    inspect: async (reference, options) => {
      this.#note('images.inspect', reference, options);
      return parts<ImageInspect>({ Id: 'sha256:1', RepoTags: [], RepoDigests: [], Size: 5, Config: { Cmd: ['sh', '-c', 'a && b > c'] } });
    },
    history: async (reference) => {
      this.#note('images.history', reference);
      return [];
    },
    tag: async (...args) => this.#note('images.tag', ...args),
    remove: async (reference, options) => {
      this.#note('images.remove', reference, options);
      return [{ Untagged: reference }];
    },
    prune: async (filters) => {
      this.#note('images.prune', filters);
      return { ImagesDeleted: null, SpaceReclaimed: 0 };
    },
    load: (archive, options) => this.#consume('images.load', archive, options),
    save: async (references, options) => {
      this.#note('images.save', references, options);
      return this.archive();
    },
    import: (archive, options) => this.#consume('images.import', archive, options),
    pull: (reference, options) => this.#consume('images.pull', undefined, reference, options),
    push: (reference, options) => this.#consume('images.push', undefined, reference, options),
    bootstrap: (name, signal) => this.#consume('images.bootstrap', undefined, name, { signal }),
  };

  async *#consume(useCase: string, archive: Readable | undefined, ...args: readonly unknown[]): AsyncIterable<ProgressMessage> {
    this.#note(useCase, ...args);
    if (archive !== undefined) for await (const chunk of archive) this.received += chunk.length;
    for (const message of this.progress) {
      if (message instanceof Error) throw message;
      yield message;
    }
  }

  readonly volumes: Engine['volumes'] = {
    list: async (filters) => {
      this.#note('volumes.list', filters);
      return { Volumes: [], Warnings: null };
    },
    inspect: async (name) => {
      throw fail('volume.not_found', { name });
    },
    create: async (request) => {
      this.#note('volumes.create', request);
      return { CreatedAt: '', Driver: 'local', Labels: request.Labels, Mountpoint: '', Name: request.Name, Options: request.DriverOpts, Scope: 'local' };
    },
    remove: async (name, options) => this.#note('volumes.remove', name, options),
    prune: async (filters, { named }) => {
      this.#note('volumes.prune', filters, { named });
      return { VolumesDeleted: [], SpaceReclaimed: 0 };
    },
    usage: async () => [],
    clone: async (name) => {
      throw fail('volume.not_found', { name });
    },
    export: async (name) => {
      this.#note('volumes.export', name);
      return this.archive();
    },
    import: async (name) => {
      throw fail('volume.exists', { name });
    },
    diff: async (name, base) => {
      this.#note('volumes.diff', name, base);
      return [];
    },
  };

  readonly registries: Engine['registries'] = {
    logIn: async (request, signal) => {
      this.#note('registries.logIn', request, { signal });
      return { IdentityToken: '', Status: 'Login Succeeded' };
    },
    search: async (term, options) => {
      this.#note('registries.search', term, options);
      return [];
    },
    describe: async (name, options) => {
      this.#note('registries.describe', name, options);
      return { Descriptor: { mediaType: 'm', digest: 'd', size: 1 }, Platforms: null };
    },
  };

  readonly networks: Engine['networks'] = {
    list: async (filters) => {
      this.#note('networks.list', filters);
      return [];
    },
    inspect: async (reference) => {
      this.#note('networks.inspect', reference);
      if (reference !== 'bridge') throw fail('network.not_found', { reference });
      return parts<NetworkInspect>({ Name: 'bridge', Scope: 'local' });
    },
    create: async (request) => {
      this.#note('networks.create', request);
      return { Id: 'n'.repeat(64), Warning: '' };
    },
    remove: async (reference) => this.#note('networks.remove', reference),
    connect: async (reference, request) => this.#note('networks.connect', reference, request),
    disconnect: async (reference, request) => this.#note('networks.disconnect', reference, request),
    prune: async (filters) => {
      this.#note('networks.prune', filters);
      return { NetworksDeleted: null };
    },
  };

  readonly system: Engine['system'] = {
    version: { engine: '28.5.2+test', api: '1.51', minimumApi: '1.24' },
    offers: { experimental: false, builderVersion: '2' },
    versionDocument: async () => ({ ApiVersion: '1.51' }),
    info: async () => {
      this.#note('system.info');
      return { OSType: 'linux', FirewallBackend: { Driver: 'nftables' }, DiscoveredDevices: [], RuncCommit: { ID: 'x' }, Containerd: {} };
    },
    diskUsage: async (types) => {
      this.#note('system.diskUsage', types);
      return {};
    },
    checkStorage: async ({ deep }) => {
      this.#note('system.checkStorage', deep);
      return { DataRoot: '/data', Bytes: 0, Usage: [], Orphans: [], Damaged: [], Unfinished: [], Deep: deep };
    },
    events: (options) => this.#events(options),
  };

  async *#events(options: Parameters<Engine['system']['events']>[0]): AsyncIterable<EventMessage> {
    this.#note('system.events', options);
    if (options.until !== undefined) {
      yield* this.published;
      return;
    }
    for (let place = 0; ; place++) {
      while (place >= this.published.length) await abortable(this.#eventArrived.promise, options.signal);
      const event = this.published[place];
      if (event !== undefined) yield event;
    }
  }
}

function hasSignal(value: unknown): value is { readonly signal: AbortSignal } {
  return typeof value === 'object' && value !== null && 'signal' in value && value.signal instanceof AbortSignal;
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
