/** The builds under way and done, the clients they talk to, and what they keep for the next ones. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { EngineError, fail, messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { formatTimestamp } from '#base/timestamp.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import type { OwnedPath } from '#image/contract.ts';
import { digestOf } from '#oci/digest.ts';
import type { ContentDescriptor, StatusResponse } from '#schema/buildkit/control-messages.ts';
import { formatPlatform } from '#oci/platform.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import { isUnlimited, type CollectionRule } from './collection-rules.ts';
import { KeptRecords } from './kept-records.ts';
import type { BuildCache } from './build-cache.ts';
import { BuildExecutor } from './build-executor.ts';
import { BuildProgress } from './build-progress.ts';
import type { BuildSession } from './build-session.ts';
import { CacheDirectories } from './cache-directories.ts';
import type { BuildSolver, FrontendCall, FrontendRef, FrontendResult, HistoryView, PruneChoice, SolveCall, UsageView } from './contract.ts';
import { ContextStore } from './context-store.ts';
import { DownloadStore } from './download-store.ts';
import { BuildHistory, type BuildLog } from './build-history.ts';
import { reasonsKey, reasonsOf, type StepOutcome } from './step-facts.ts';
import { provenanceOf, readProvenance, type BuildFacts } from './export/attestation.ts';
import { checkExporters, exportBuild } from './export-build.ts';
import { asksForInlineCache, checkCacheExports, exportCache, withInlineCache } from './remote-cache/export-cache.ts';
import { solveBuild, type SolvedBuild, type SolvedImage } from './solve-build.ts';
import { readSolveOptions } from './solve-options.ts';
import { chooseUsage, usageViews } from './usage-records.ts';
import { timestampOf } from './wire-timestamp.ts';

/** Milliseconds for which a build that has ended is known by its name still: a client may ask for its progress on a connection that is slower than the build. */
const lingering = 30_000;
/** Milliseconds after the answer of a build before it is written down, so that its client has read that by then. */
const writingRest = 20;
/** Milliseconds to wait for what another connection of the client brings. */
const patience = 10_000;

interface Job {
  readonly call: SolveCall;
  readonly progress: BuildProgress;
  readonly stop: AbortController;
  readonly results: Map<string, SolvedImage>;
  /** How its steps ended, once it has. */
  steps: readonly StepOutcome[];
  readonly finished: PromiseWithResolvers<readonly string[]>;
  readonly begun: PromiseWithResolvers<BuildExecutor | undefined>;
  session: BuildSession | undefined;
  readonly started: bigint;
  ended: bigint | undefined;
  response: Record<string, string>;
  /** The first of what was built. */
  image: SolvedImage | undefined;
  error: string | undefined;
}

export interface SolverPlaces {
  readonly cache: BuildCache;
  readonly workerId: string;
}

export class EngineBuildSolver implements BuildSolver, AsyncDisposable {
  readonly workerId: string;
  readonly #parts: EngineParts;
  readonly #cache: BuildCache;
  readonly #caches: CacheDirectories;
  readonly #contexts: ContextStore;
  readonly #downloads: DownloadStore;
  readonly #directory: string;
  /** Below it, of builds under way. */
  readonly #solves = new Map<string, string>();
  readonly #sessions = new Map<string, BuildSession>();
  readonly #jobs = new Map<string, Job>();
  readonly #history: BuildHistory;
  readonly #waiters = new Set<() => void>();
  readonly #kept: KeptRecords;
  /** Builds that have ended and are not in the history yet. */
  readonly #unwritten = new Set<() => void>();

  constructor(parts: EngineParts, { cache, workerId }: SolverPlaces) {
    this.#parts = parts;
    this.#cache = cache;
    this.workerId = workerId;
    this.#directory = join(parts.paths.buildsDirectory, 'solves');
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#contexts = new ContextStore(join(parts.paths.buildsDirectory, 'contexts'));
    this.#downloads = new DownloadStore(join(parts.paths.buildsDirectory, 'downloads'));
    this.#history = new BuildHistory(join(parts.paths.dataRoot, 'build-history'));
    this.#caches = new CacheDirectories(join(parts.paths.dataRoot, 'build-caches'), parts.remapping === undefined ? 0o700 : 0o711);
    this.#kept = new KeptRecords(parts, { cache, caches: this.#caches });
  }

  ownedPaths(): OwnedPath[] {
    const solves = [...this.#solves].map(([path, ref]) => ({ path, kind: 'build', owner: ref }));
    return [...solves, ...this.#contexts.ownedPaths(), ...this.#downloads.ownedPaths(), ...this.#history.ownedPaths(), ...this.#caches.ownedPaths()];
  }

  addSession(session: BuildSession): Disposable {
    this.#sessions.set(session.id, session);
    this.#wake();
    return {
      [Symbol.dispose]: () => {
        if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
      },
    };
  }

  async solve(call: SolveCall, signal: AbortSignal): Promise<Record<string, string>> {
    const stop = new AbortController();
    const log = call.internal || (call.attributes['requestid'] ?? '') !== '' ? undefined : this.#history.begin(call.ref);
    const job: Job = {
      call, stop, progress: new BuildProgress((message) => log?.write(message)), steps: [], results: new Map(), finished: Promise.withResolvers(), begun: Promise.withResolvers(), session: undefined,
      started: BigInt(Date.now()) * 1_000_000n, ended: undefined, response: {}, image: undefined, error: undefined,
    };
    for (const { promise } of [job.finished, job.begun]) (promise as Promise<unknown>).catch(() => undefined);
    this.#jobs.set(call.ref, job);
    this.#wake();
    try {
      return (job.response = await this.#run(job, AbortSignal.any([signal, stop.signal])));
    } catch (error) {
      job.error = messageOf(error);
      job.begun.reject(error);
      throw error;
    } finally {
      job.ended = BigInt(Date.now()) * 1_000_000n;
      job.progress.close();
      if (log !== undefined) this.#keepSoon(job, log);
      this.#forgetOld();
      if (!call.internal) this.#kept.collectSoon();
    }
  }

  async *status(ref: string, signal: AbortSignal): AsyncGenerator<Partial<StatusResponse>, void> {
    if (!this.#jobs.has(ref) && this.#history.get(ref) !== undefined) yield* this.#history.progress(ref);
    else yield* (await this.#job(ref, signal)).progress.follow(signal);
  }

  async frontend(ref: string, { attributes, inputs }: FrontendCall, signal: AbortSignal): Promise<FrontendResult> {
    const job = await this.#job(ref, signal);
    const executor = await job.begun.promise;
    if (executor === undefined) throw fail('build.ref_unknown', { ref });
    const options = readSolveOptions({ ...job.call.attributes, ...attributes }, inputs);
    const built = await solveBuild(options, { images: this.#parts.images, executor, progress: job.progress, session: job.session, signal: AbortSignal.any([signal, job.stop.signal]) });
    const refs = new Map<string, FrontendRef>();
    for (const image of built.images) {
      const result = newIdentifier().slice(0, 25);
      job.results.set(result, image);
      refs.set(options.multiPlatform ? formatPlatform(image.platform) : '', { id: result, top: image.top });
    }
    return { refs, metadata: built.answer ?? metadataOf(built.images, options.multiPlatform) };
  }

  async finish(ref: string, outcome: { refs: readonly string[] } | { error: unknown }, signal: AbortSignal): Promise<void> {
    const job = await this.#job(ref, signal);
    if ('refs' in outcome) job.finished.resolve(outcome.refs);
    else job.finished.reject(outcome.error);
  }

  async readFile(ref: string, result: string, path: string): Promise<Buffer> {
    const job = this.#jobs.get(ref);
    const image = job?.results.get(result);
    const executor = await job?.begun.promise;
    if (image === undefined || executor === undefined) throw fail('build.ref_unknown', { ref: result });
    return await executor.readFile(image.top, path);
  }

  exportCacheMount(id: string, signal: AbortSignal): Readable {
    return this.#caches.export(id, signal);
  }

  async usage(filters: readonly string[]): Promise<UsageView[]> {
    return usageViews(chooseUsage(await this.#kept.entries(), { filters }));
  }

  async *prune(choice: PruneChoice): AsyncGenerator<UsageView, void> {
    const going = await this.#kept.prune(choice);
    if (choice.all && isUnlimited(choice)) {
      await this.#contexts.clear();
      await this.#downloads.clear();
    }
    yield* usageViews(going);
  }

  rules(): readonly CollectionRule[] {
    return this.#kept.rules();
  }

  history({ ref, activeOnly }: { ref: string; activeOnly: boolean }): { event: 'started' | 'complete'; record: HistoryView }[] {
    if (!activeOnly) this.#writeDown();
    const active = [...this.#jobs.values()].filter((job) => !job.call.internal && job.ended === undefined).map((job) => ({ event: 'started' as const, record: recordOf(job) }));
    const done = activeOnly ? [] : this.#history.list().map(({ record }) => ({ event: 'complete' as const, record }));
    return [...done, ...active].filter(({ record }) => ref === '' || record.ref === ref);
  }

  document(digest: string): Buffer | undefined {
    this.#writeDown();
    return this.#history.document(digest);
  }

  forget(ref: string): void {
    this.#writeDown();
    const job = this.#jobs.get(ref);
    if (job !== undefined && job.ended === undefined) return;
    this.#jobs.delete(ref);
    this.#history.remove(ref);
  }

  keepsManifests(): boolean {
    return this.#parts.configuration.current.features['containerd-snapshotter'] !== false;
  }

  cancel(ref: string): void {
    this.#jobs.get(ref)?.stop.abort(fail('build.step_failed', { message: 'context canceled' }));
  }

  hostGateway(): string {
    return this.#parts.networks.inspect('bridge').IPAM.Config?.[0]?.Gateway ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#jobs.values()) stop.abort(new Error('the daemon is stopping'));
    this.#writeDown();
    await this.#contexts[Symbol.asyncDispose]();
  }

  async #run(job: Job, signal: AbortSignal): Promise<Record<string, string>> {
    const { call, progress } = job;
    checkExporters(call.exporters);
    checkCacheExports(call.cacheExports);
    // As with Docker's default configuration.
    if (call.entitlements.includes('security.insecure')) throw fail('build.solve_failed', { message: 'granting entitlement security.insecure is not allowed by build daemon configuration' });
    const session = call.session === '' ? undefined : await this.#session(call.session, signal);
    job.session = session;
    const directory = await mkdtemp(join(this.#directory, 'solve-'));
    this.#solves.set(directory, call.ref);
    await using _directory = {
      [Symbol.asyncDispose]: async () => {
        await rm(directory, { recursive: true, force: true });
        this.#solves.delete(directory);
      },
    };
    const within = session === undefined ? signal : AbortSignal.any([signal, session.gone]);
    await using executor = new BuildExecutor({
      parts: this.#parts, cache: this.#cache, caches: this.#caches, contexts: this.#contexts, downloads: this.#downloads, session, progress, hostConfig: call.hostConfig, upload: call.upload, directory, signal: within,
    });
    using _steps = { [Symbol.dispose]: () => void (job.steps = [...executor.outcomes]) };
    job.begun.resolve(executor);
    const { images: solved, answer } = call.frontend === '' ? { images: await this.#driven(job, within), answer: undefined } : await this.#direct(job, executor, within);
    let response: Record<string, string> = Object.fromEntries(Object.entries(answer ?? {}).map(([name, value]) => [name, value.toString('utf8')]));
    const facts = (): BuildFacts => factsOf(job);
    const outputs = { images: this.#parts.images, executor, progress, session, directory, signal: within, facts, cache: this.#cache, outcomes: executor.outcomes };
    job.image = solved[0];
    const images = call.cacheExports.some(({ type }) => type === 'inline') || solved.some(({ options }) => asksForInlineCache(options)) ? solved.map((image) => withInlineCache(image, outputs)) : solved;
    for (const [index, exporter] of call.exporters.entries()) {
      if (answer === undefined) response = { ...response, ...(await exportBuild(images, exporter, index, outputs)) };
    }
    for (const exporter of call.cacheExports) if (exporter.type !== 'inline' && answer === undefined) response = { ...response, ...(await exportCache(exporter, images, outputs)) };
    return response;
  }

  /** The client need not wait for its build to be written down; who asks for it does. */
  #keepSoon(job: Job, log: BuildLog): void {
    this.#unwritten.add(() => this.#keep(job, log));
    setTimeout(() => this.#writeDown(), writingRest).unref();
  }

  #writeDown(): void {
    for (const keep of this.#unwritten) {
      this.#unwritten.delete(keep);
      try {
        keep();
      } catch (error) {
        // The build itself is as it is, also on a full disk.
        this.#parts.log('warning', `a build could not be written to the history: ${messageOf(error)}`);
      }
    }
  }

  /** Writes down what a build was, with why its steps were made. */
  #keep(job: Job, log: BuildLog): void {
    log[Symbol.dispose]();
    const place = placeOf(job);
    const reasons = reasonsOf(job.steps, this.#history.lastSteps(place));
    const record = recordOf(job);
    const provenance = provenanceOfJob(job);
    this.#history.keep({ place, record: { ...record, exporterResponse: { ...record.exporterResponse, [reasonsKey]: JSON.stringify(reasons) }, result: provenance === undefined ? undefined : { attestations: [provenance.descriptor] } } }, job.steps, provenance?.bytes);
  }

  /** The client runs the frontend and says which result is the build's. */
  async #driven(job: Job, signal: AbortSignal): Promise<readonly SolvedImage[]> {
    const refs = new Set(await abortable(job.finished.promise, signal));
    // The client's own order means nothing: as the frontend made them they are as they were asked for.
    const images = [...job.results].flatMap(([ref, image]) => (refs.delete(ref) ? [image] : []));
    for (const ref of refs) throw fail('build.ref_unknown', { ref });
    return images;
  }

  async #direct(job: Job, executor: BuildExecutor, signal: AbortSignal): Promise<SolvedBuild> {
    const { call, progress, session } = job;
    if (call.frontend !== 'dockerfile.v0' && call.frontend !== 'gateway.v0') throw fail('build.solve_failed', { message: `unknown frontend: ${call.frontend}` });
    // A frontend by its image is checked as the one that the Dockerfile's first line names.
    const attributes = call.frontend === 'gateway.v0' ? { ...call.attributes, 'build-arg:BUILDKIT_SYNTAX': call.attributes['source'] ?? '' } : call.attributes;
    return await solveBuild(readSolveOptions(attributes), { images: this.#parts.images, executor, progress, session, signal });
  }

  async #job(ref: string, signal: AbortSignal): Promise<Job> {
    return await this.#wait(() => this.#jobs.get(ref), () => fail('build.ref_unknown', { ref }), signal);
  }

  async #session(id: string, signal: AbortSignal): Promise<BuildSession> {
    return await this.#wait(() => this.#sessions.get(id), () => fail('build.session_failed', { message: `no active session for ${id}: context deadline exceeded` }), signal);
  }

  async #wait<T>(find: () => T | undefined, missing: () => EngineError, signal: AbortSignal): Promise<T> {
    const late = AbortSignal.timeout(patience);
    const until = AbortSignal.any([signal, late]);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      until.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      this.#waiters.delete(resolve);
      signal.throwIfAborted();
      if (late.aborted) throw missing();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
  }

  #forgetOld(): void {
    const oldest = BigInt(Date.now() - lingering) * 1_000_000n;
    for (const [ref, { ended }] of this.#jobs) if (ended !== undefined && ended < oldest) this.#jobs.delete(ref);
  }
}

/** Builds of the same directory, Dockerfile, stage and platforms are compared. */
function placeOf({ call: { attributes }, session }: Job): string {
  const facts = ['context', 'filename', 'target', 'platform'].map((name) => attributes[name] ?? '');
  return JSON.stringify([session?.sharedKey ?? '', ...facts]);
}

/** The provenance that the history tells of every build, without being asked. */
function provenanceOfJob(job: Job): { bytes: Buffer; descriptor: MessageOf<typeof ContentDescriptor> } | undefined {
  const { image } = job;
  if (image === undefined) return undefined;
  const request = readProvenance(image.options.attributes) ?? { mode: 'max', version: 'v0.2', builder: '', reproducible: false, implied: true };
  const { predicateType, predicate } = provenanceOf(image, { ...request, mode: 'max' }, { ...factsOf(job), attributes: image.options.attributes, dockerfile: image.dockerfile });
  const bytes = Buffer.from(JSON.stringify(predicate, undefined, 2));
  return { bytes, descriptor: { mediaType: 'application/vnd.in-toto+json', digest: digestOf(bytes), size: bytes.length, annotations: { 'in-toto.io/predicate-type': predicateType } } };
}

/** What a build says of itself. */
function factsOf({ call, started }: Job): BuildFacts {
  const finished = BigInt(Date.now()) * 1_000_000n;
  return { ref: call.ref, started: formatTimestamp(started), finished: formatTimestamp(finished), attributes: call.attributes, directories: call.attributes['context'] === undefined ? ['context', 'dockerfile'] : [], dockerfile: undefined };
}

async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

function metadataOf(images: readonly SolvedImage[], multiPlatform: boolean): Record<string, Buffer> {
  const metadata: Record<string, Buffer> = {};
  for (const { platform, configuration } of images) metadata[multiPlatform ? `containerimage.config/${formatPlatform(platform)}` : 'containerimage.config'] = configuration;
  const platforms = images.map(({ platform: { os, architecture, variant } }) => ({ ID: formatPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }), Platform: { architecture, os, variant } }));
  metadata['refs.platforms'] = Buffer.from(JSON.stringify({ Platforms: platforms }));
  return metadata;
}

function recordOf({ call, progress, started, ended, response, error }: Job): HistoryView {
  const vertexes = progress.vertexes();
  return {
    ref: call.ref, frontend: 'dockerfile.v0', frontendAttributes: { ...call.attributes }, exporters: call.exporters.map(({ type, attributes }) => ({ type, attributes: { ...attributes } })),
    error: error === undefined ? undefined : { code: 2, message: error, details: [] },
    createdAt: timestampOf(started), completedAt: ended === undefined ? undefined : timestampOf(ended),
    logs: undefined, exporterResponse: response, generation: 1, pinned: false,
    numCachedSteps: vertexes.filter(({ cached }) => cached).length, numTotalSteps: vertexes.length, numCompletedSteps: vertexes.filter(({ completed }) => completed !== undefined).length, numWarnings: 0, result: undefined,
  };
}
