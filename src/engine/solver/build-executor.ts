/**
 * Makes the nodes of one build: inputs first and at once, each node once, nothing that was made before. Steps that
 * several builds ask for at the same time are done once.
 */
import { Readable } from 'node:stream';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { SourceTree } from '#build/source-tree.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import type { HostConfig } from '#schema/container-config.ts';
import { decompress } from '#image/layer/decompress.ts';
import type { LayerLease } from '#image/layer-keeper.ts';
import type { ApplyOptions } from '#image/layer/contract.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { LimitedArchive, limitedContext } from '../build/limited-archive.ts';
import type { BuildCache } from './build-cache.ts';
import { cacheKeyOf } from './build-cache.ts';
import { failureOf } from './build-failure.ts';
import { allNodes, type BuildNode, type CopyNode, type DirectoryNode, type DownloadNode, type GitNode, type LayoutNode, type LocalNode, type RunNode } from './build-node.ts';
import type { BuildProgress } from './build-progress.ts';
import type { BuildSession } from './build-session.ts';
import type { CacheDirectories } from './cache-directories.ts';
import type { ContextStore } from './context-store.ts';
import { archiveStream, copyArchive, directoryArchive } from './copy-step.ts';
import { cacheKeyFailure, findSources, hashOfFound, type FoundSource } from './copy-sources.ts';
import { uploadedContext } from './contract.ts';
import type { DownloadStore } from './download-store.ts';
import { fetchSource } from './fetch-source.ts';
import { fetchCommit } from './git-source.ts';
import type { ImportedCaches } from './remote-cache/import-cache.ts';
import { verifiedBlob } from './layout-image.ts';
import { mountLayer, treeOfLayer, type MountedLayer } from './layer-trees.ts';
import { factsOf, type StepFacts, type StepOutcome } from './step-facts.ts';
import { runStep } from './run-step.ts';

/** What a node has made. */
export interface NodeResult {
  /** Chain id of a file system's top layer; undefined: empty, or files only. */
  readonly top: string | undefined;
  /** Files that are no file system. */
  readonly tree: SourceTree | undefined;
  /** RFC 3339, of the step's layer. */
  readonly created: string | undefined;
  readonly cached: boolean;
  /** Names what was fetched. */
  readonly source?: string;
}

export interface BuildExecutorOptions {
  readonly parts: EngineParts;
  readonly cache: BuildCache;
  readonly caches: CacheDirectories;
  readonly contexts: ContextStore;
  readonly downloads: DownloadStore;
  readonly session: BuildSession | undefined;
  readonly progress: BuildProgress;
  readonly hostConfig: HostConfig;
  /** A context that came with the call. */
  readonly upload?: AsyncIterable<Uint8Array> | undefined;
  /** Of this build's own. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** What the layer of a step is known by. */
interface LayerIdentity {
  readonly base: string | undefined;
  readonly key: string;
  /** Another key that leads to it. */
  readonly alias?: string | undefined;
  /** Asked for when the build is written down: they take long where many files are copied. */
  readonly facts: () => StepFacts;
}

export class BuildExecutor implements AsyncDisposable {
  readonly #options: BuildExecutorOptions;
  readonly #lease: LayerLease;
  readonly #results = new Map<string, Promise<NodeResult>>();
  readonly #opened = new AsyncDisposableStack();
  readonly #outcomes: StepOutcome[] = [];
  /** What steps that are done give back meanwhile. */
  readonly #givingBack: Promise<void>[] = [];
  readonly #taken = new Set<string>();
  #imported: ImportedCaches | undefined;
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;

  constructor(options: BuildExecutorOptions) {
    this.#options = options;
    this.#lease = this.#opened.use(options.parts.images.lease());
    // The first failure stops what else is under way.
    this.#signal = AbortSignal.any([options.signal, this.#failed.signal]);
  }

  /** Tells the client of all steps that are to come. */
  declare(target: BuildNode): void {
    const nodes = allNodes(target).filter(({ name }) => name !== '');
    this.#options.progress.declare(nodes.reverse().map(({ digest, name, inputs }) => ({ digest, name, inputs: inputs.filter((input) => input.name !== '').map((input) => input.digest) })));
  }

  /** @throws build.solve_failed with the step in `details.vertex`; nothing is under way any more then */
  async make(target: BuildNode): Promise<NodeResult> {
    this.declare(target);
    try {
      const result = await this.#result(target);
      this.#take(target, result);
      return result;
    } catch (error) {
      await this.settle();
      this.#options.signal.throwIfAborted();
      throw this.#failed.signal.aborted ? this.#failed.signal.reason : error;
    }
  }

  /** Looks for steps in caches of others, too, from now on. */
  useCaches(caches: ImportedCaches): void {
    this.#imported = this.#opened.use(caches);
  }

  /** The steps so far, in the order they ended. */
  get outcomes(): readonly StepOutcome[] {
    return this.#outcomes;
  }

  /** Waits until nothing is under way. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#results.values());
    await Promise.allSettled(this.#givingBack);
  }

  /** The tree of a layer's file system below a path, for exports. */
  async archive(top: string | undefined): Promise<Readable> {
    const { parts } = this.#options;
    const mounted = await this.#mount(top);
    this.#opened.use(mounted);
    return await parts.snapshotter.archivePath(mounted.id, '');
  }

  /** What lies at a path of a layer's file system and below, for as long as the build goes on. */
  async files(top: string | undefined, path: string): Promise<SourceTree> {
    return this.#opened.use(await treeOfLayer(this.#options.parts.snapshotter, top, { path, directory: await this.#newDirectory() }));
  }

  /** A small file of a layer's file system. @throws build.solve_failed */
  async readFile(top: string | undefined, path: string): Promise<Buffer> {
    const tree = await this.files(top, path);
    const node = tree.find(path);
    if (node?.kind !== 'file') throw fail('build.solve_failed', { message: `open ${path}: no such file or directory` });
    if (node.size > largestReadFile) throw fail('build.solve_failed', { message: `${path} is larger than ${largestReadFile} bytes` });
    return Buffer.concat(await Array.fromAsync(tree.contents(node)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
    await this.#opened.disposeAsync();
    await Promise.all(this.#givingBack);
  }

  #giveBack(undo: AsyncDisposableStack): void {
    const done = undo.disposeAsync();
    done.catch(() => undefined);
    this.#givingBack.push(done);
  }

  #result(node: BuildNode): Promise<NodeResult> {
    let result = this.#results.get(node.digest);
    if (result === undefined) {
      result = this.#make(node);
      result.catch((error: unknown) => this.#failed.abort(error));
      this.#results.set(node.digest, result);
    }
    return result;
  }

  async #make(node: BuildNode): Promise<NodeResult> {
    const inputs = await Promise.all(node.inputs.map(async (input) => await this.#result(input)));
    this.#signal.throwIfAborted();
    const { progress } = this.#options;
    try {
      return await this.#dispatch(node, inputs);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const failure = failureOf(node, error);
      if (node.name !== '') progress.complete(node.digest, { error: messageOf(failure).replace(cacheKeyFailure, '').replace(/^failed to load cache key: /, '') });
      throw failure;
    }
  }

  async #dispatch(node: BuildNode, inputs: readonly NodeResult[]): Promise<NodeResult> {
    const { progress } = this.#options;
    switch (node.kind) {
      case 'scratch':
        if (node.name !== '') {
          progress.start(node.digest);
          progress.complete(node.digest);
        }
        return nothing;
      case 'image':
        if (node.top !== undefined && !(await this.#lease.hold(node.top))) throw fail('build.solve_failed', { message: `the image of ${node.name} was removed meanwhile` });
        if (node.name !== '') {
          progress.start(node.digest);
          progress.complete(node.digest);
        }
        return { ...nothing, top: node.top };
      case 'layout':
        progress.start(node.digest);
        return { ...nothing, top: await this.#layout(node) };
      case 'local':
        return { ...nothing, tree: await this.#receive(node) };
      case 'inline': {
        progress.start(node.digest);
        const members = node.files.map(({ name, content }): TarMember => {
          const body = Buffer.from(content);
          return { header: { name, type: 'file', mode: node.mode, size: body.length, modified: { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 } }, body };
        });
        const tree = await this.#tree(writeTar(members) as AsyncGenerator<Buffer>);
        progress.complete(node.digest);
        return { ...nothing, tree };
      }
      case 'download':
      case 'git': {
        progress.start(node.digest);
        const tree = await this.#tree(await this.#fetch(node));
        progress.complete(node.digest);
        return { ...nothing, tree, source: cacheKeyOf('fetched', node.digest, hashOfFound([wholeTree(tree)])) };
      }
      case 'run':
        return await this.#run(node, inputs);
      case 'copy':
        return await this.#copy(node, inputs);
      case 'directory':
        return await this.#layer(node, inputs, { base: inputs[0]?.top, key: cacheKeyOf('directory', inputs[0]?.top, node.path, node.user), facts: () => factsOf(node, [], inputs[0]?.top) }, async (signal) => {
          await using mounted = await this.#mount(inputs[0]?.top);
          return await this.#apply(inputs[0]?.top, archiveStream(directoryArchive(node, { root: mounted.path, directory: this.#options.directory, signal })), { signal });
        });
    }
  }

  async #fetch(node: DownloadNode | GitNode): Promise<AsyncIterable<Uint8Array>> {
    const { downloads, session } = this.#options;
    if (node.kind === 'download' && node.url.startsWith(uploadedContext)) return this.#upload(node.url.slice(uploadedContext.length - 1));
    const facts = { directory: await this.#newDirectory(), signal: this.#signal };
    return node.kind === 'git' ? await fetchCommit(node, { ...facts, session }) : await fetchSource(node, { ...facts, downloads });
  }

  /** The image's layers over each other, each taken from the client unless it was before. */
  async #layout({ store, layers, digest: vertex }: LayoutNode): Promise<string | undefined> {
    const { session, cache, progress } = this.#options;
    if (session === undefined) throw fail('build.session_failed', { message: 'no local sources enabled' });
    const source = session.store(store);
    let top: string | undefined;
    for (const layer of layers) {
      const key = cacheKeyOf('layout', top, layer);
      const known = cache.get(key);
      if (known === undefined || !(await this.#lease.hold(known.chainId))) {
        const { chunks } = await decompress(verifiedBlob(source, layer, this.#signal), { signal: this.#signal });
        const chainId = await this.#apply(top, Readable.from(chunks, { objectMode: false }), { signal: this.#signal });
        cache.put(key, { chainId, base: top, description: `layer ${layer} of a client's layout`, type: 'regular' });
        top = chainId;
      } else top = known.chainId;
    }
    progress.complete(vertex);
    return top;
  }

  /** A context that the client sends as an archive, maybe compressed. */
  #upload(path: string): LimitedArchive {
    const { session, upload, directory } = this.#options;
    const archive = upload ?? session?.upload(path, this.#signal);
    if (archive === undefined) throw fail('build.session_failed', { message: 'no local sources enabled' });
    return limitedContext(Readable.from(archive), { directory, signal: this.#signal });
  }

  async #receive(node: LocalNode): Promise<SourceTree> {
    const { session, contexts, progress } = this.#options;
    if (session === undefined) throw fail('build.session_failed', { message: 'no local sources enabled' });
    progress.start(node.digest);
    const part = progress.part(node.digest, node.transfer, { name: 'transferring' });
    let told = 0;
    let bytes = 0;
    const onProgress = (received: number): void => {
      bytes = received;
      const now = performance.now();
      if (now - told < 100) return;
      told = now;
      part({ current: received });
    };
    const key = `${session.sharedKey}\0${node.directory}`;
    const packed = session.packedFiles(node.directory, node.wanted, this.#signal);
    const options = { signal: this.#signal, onProgress };
    const receiving = packed === undefined ? contexts.receive(key, session.files(node.directory, node.wanted, this.#signal), options) : contexts.receivePacked(`packed\0${key}`, packed, options);
    const tree = this.#opened.use(await receiving);
    part({ current: bytes + 2, done: true });
    progress.complete(node.digest);
    return tree;
  }

  async #run(node: RunNode, inputs: readonly NodeResult[]): Promise<NodeResult> {
    const { parts, caches, session, hostConfig, progress } = this.#options;
    const layers = await Promise.all(inputs.map(async ({ top, tree }) => (tree === undefined ? top : await this.#layerOf(tree))));
    const { command, environment, directory, user, network, insecure, hostname, hosts, sharedMemory, ulimits, cgroupParent } = node;
    // What is written to a kept directory and what a secret says are no part of what the step is known by.
    const mounts = node.mounts.map(({ type, input, source, target, readonly, size, id, variable, mode, uid, gid }) => [type, type === 'cache' || input === undefined ? null : layers[input], source, target, readonly, size, id, variable, mode, uid, gid]);
    const key = cacheKeyOf('run', layers[0], command, environment, directory, user, network, insecure, hostname, hosts, mounts, sharedMemory, ulimits, cgroupParent);
    return await this.#layer(node, inputs, { base: inputs[0]?.top, key, facts: () => factsOf(node, [], inputs[0]?.top) }, async (signal) =>
      await runStep(
        node,
        layers,
        { parts, caches, session, hostConfig, signal, later: (undo) => this.#giveBack(undo), onOutput: (stream, chunk) => progress.log(node.digest, stream, chunk) },
        async ({ bytes, removed }) => await this.#apply(inputs[0]?.top, bytes, { signal, removed }),
      ),
    );
  }

  async #copy(node: CopyNode, inputs: readonly NodeResult[]): Promise<NodeResult> {
    const base = inputs[0]?.top;
    const rest = [node.target, node.owner, node.mode, node.link, node.keepOwners, node.excludes];
    // By the names of the layers it is known without a look at the files; by the files when the layers are others.
    const layered = node.parts.every(({ input }) => inputs[input]?.tree === undefined);
    const layerKey = layered ? cacheKeyOf('copy-layers', base, rest, node.parts, node.parts.map(({ input }) => inputs[input]?.top)) : undefined;
    if (layerKey !== undefined && !node.fresh) {
      const known = await this.#known(node, layerKey);
      if (known !== undefined) {
        this.#note(node, 'hit', layerKey, () => factsOf(node, [], base));
        return known;
      }
    }
    const sources: FoundSource[] = [];
    for (const part of node.parts) {
      const input = inputs[part.input];
      if (input?.tree === undefined) this.#takeInput(node, part.input, input);
      const tree = input?.tree ?? this.#opened.use(await treeOfLayer(this.#options.parts.snapshotter, input?.top, { path: part.path, directory: await this.#newDirectory() }));
      sources.push(...findSources(tree, { part, excludes: node.excludes, ref: node.inputs[part.input]?.digest.slice('sha256:'.length, 'sha256:'.length + 25) ?? '', ofImage: node.inputs[part.input]?.kind === 'image' }));
    }
    const key = cacheKeyOf('copy', base, rest, hashOfFound(sources));
    const facts = (): StepFacts => factsOf(node, sources, base);
    return await this.#layer(node, inputs, { base, key, alias: layerKey, facts }, async (signal) => {
      await using mounted = await this.#mount(base);
      return await this.#apply(base, archiveStream(copyArchive(node, sources, { root: mounted.path, directory: this.#options.directory, signal })), { signal, removed: [] });
    });
  }

  /** A step's layer: the one made before, or `work`'s. */
  async #layer(node: RunNode | CopyNode | DirectoryNode, inputs: readonly NodeResult[], { base, key, alias, facts }: LayerIdentity, work: (signal: AbortSignal) => Promise<string>): Promise<NodeResult> {
    const { cache, progress } = this.#options;
    if (!node.fresh) {
      const known = await this.#known(node, key);
      if (known !== undefined) {
        this.#note(node, 'hit', key, facts);
        if (alias !== undefined && known.top !== undefined) cache.put(alias, { chainId: known.top, base, description: node.name, type: 'internal', created: known.created });
        return known;
      }
    }
    this.#note(node, node.fresh ? 'not asked' : 'miss', key, facts);
    this.#opened.use(cache.use(key));
    for (const [index, result] of inputs.entries()) this.#takeInput(node, index, result);
    progress.start(node.digest);
    const top = await cache.share(node.fresh ? `${key} ${node.digest}` : key, this.#signal, work);
    await this.#lease.hold(top);
    const record = cache.put(key, { chainId: top, base, description: node.name, type: 'regular' });
    if (alias !== undefined) cache.put(alias, { chainId: top, base, description: node.name, type: 'internal', created: record.created });
    progress.complete(node.digest);
    return { top, tree: undefined, created: record.created, cached: false };
  }

  #takeInput({ inputs }: BuildNode, index: number, result: NodeResult | undefined): void {
    const node = inputs[index];
    if (node !== undefined && result !== undefined) this.#take(node, result);
  }

  /** What a step is really made from is told once more when it was there before, as BuildKit does. */
  #take({ kind, digest, name }: BuildNode, { top, source }: NodeResult): void {
    if (this.#taken.has(digest)) return;
    this.#taken.add(digest);
    const isSource = kind === 'image' || kind === 'download' || kind === 'git';
    if (isSource && this.#options.cache.take(source ?? top ?? digest, top) && name !== '') this.#options.progress.turnsOutCached(digest);
  }

  #note({ name, inputs }: BuildNode, outcome: StepOutcome['outcome'], key: string, facts: () => StepFacts): void {
    this.#outcomes.push({ name, outcome, key, get facts() { return facts(); }, over: inputs.map((input) => input.name).filter((over) => over !== '') });
  }

  async #known(node: BuildNode, key: string): Promise<NodeResult | undefined> {
    const { cache, progress } = this.#options;
    let record = cache.get(key);
    if (record === undefined || !(await this.#lease.hold(record.chainId))) {
      const found = await this.#imported?.find(key, this.#lease);
      if (found === undefined) return undefined;
      record = cache.put(key, { chainId: found.chainId, base: found.base, description: node.name, type: 'regular', created: found.created });
    }
    this.#opened.use(cache.use(key));
    cache.find(key);
    progress.complete(node.digest, { cached: true });
    return { top: record.chainId, tree: undefined, created: record.created, cached: true };
  }

  /** Files as a file system of one layer, kept by their content. */
  async #layerOf(tree: SourceTree): Promise<string> {
    const source = wholeTree(tree);
    const { cache } = this.#options;
    const key = cacheKeyOf('files', hashOfFound([source]));
    const record = cache.get(key);
    if (record !== undefined && (await this.#lease.hold(record.chainId))) return record.chainId;
    const node: CopyNode = { kind: 'copy', digest: key, name: '', inputs: [], range: undefined, fresh: false, parts: [], target: '/', owner: '', mode: '', excludes: [], link: true, keepOwners: true };
    const archive = archiveStream(copyArchive(node, [source], { root: '', directory: this.#options.directory, signal: this.#signal }));
    const chainId = await this.#apply(undefined, archive, { signal: this.#signal, removed: [] });
    cache.put(key, { chainId, base: undefined, description: 'local source for context', type: 'source.local' });
    return chainId;
  }

  async #apply(base: string | undefined, archive: Readable, options: Pick<ApplyOptions, 'signal' | 'removed'>): Promise<string> {
    // A lease of its own: the step may outlive the build that began it.
    const lease = this.#options.parts.images.lease();
    this.#opened.use(lease);
    return (await lease.apply(base, archive, options)).chainId;
  }

  async #mount(top: string | undefined): Promise<MountedLayer> {
    return await mountLayer(this.#options.parts.snapshotter, top);
  }

  async #tree(archive: AsyncIterable<Uint8Array>): Promise<SourceTree> {
    return this.#opened.use(await SourceTree.read(archive, join(await this.#newDirectory(), 'files'), archive instanceof LimitedArchive ? archive : undefined));
  }

  async #newDirectory(): Promise<string> {
    const path = await mkdtemp(join(this.#options.directory, 'part-'));
    this.#opened.defer(async () => await rm(path, { recursive: true, force: true }));
    return path;
  }
}

function wholeTree(tree: SourceTree): FoundSource {
  return { tree, path: '', node: tree.root, below: '', unpack: false };
}

const largestReadFile = 16 * 1024 * 1024;
const nothing: NodeResult = { top: undefined, tree: undefined, created: undefined, cached: false };
