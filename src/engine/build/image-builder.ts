/**
 * The classic builder: carries out the stages of a Dockerfile one instruction after the other, each making
 * an image of its own. What it prints is Docker's, byte for byte.
 */
import { Readable } from 'node:stream';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { shortIdentifier } from '#base/identifier.ts';
import { BuildArguments } from '#build/build-arguments.ts';
import { readHeredocWord } from '#build/dockerfile-lines.ts';
import { readRunMount } from '#build/run-mount.ts';
import { labelCommand, readTrigger, type Command, type Dockerfile, type Stage } from '#build/dockerfile.ts';
import type { SourceTree } from '#build/source-tree.ts';
import type { ImageDerivation } from '#image/contract.ts';
import { expandWord, type ExpansionContext } from '#oci/instructions/expand-word.ts';
import { parsePlatform } from '#oci/platform.ts';
import { writeTar } from '#oci/tar/write-tar.ts';
import type { ContainerConfig } from '#schema/container-config.ts';
import { posix } from 'node:path';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { BuildRequest, ContainerUseCases } from '../contract.ts';
import { BaseImages } from './base-images.ts';
import type { BuildOutput } from './build-output.ts';
import { changeConfiguration } from './configuration-step.ts';
import { CopyTrees } from './copy-trees.ts';
import { copyMembers, type CopySource } from './copy-members.ts';
import { copyOwner } from './copy-owner.ts';
import { Destination } from './destination.ts';
import { hashOfSources } from './select-sources.ts';
import { StageState } from './stage-state.ts';
import { StepCache } from './step-cache.ts';
import { StepContainers } from './step-containers.ts';

export interface ImageBuilderOptions {
  readonly parts: EngineParts;
  readonly containers: ContainerUseCases;
  readonly output: BuildOutput;
  /** Of this build's own. */
  readonly directory: string;
  readonly context: SourceTree;
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
}

/** A stage that was built. */
interface BuiltStage {
  readonly name: string;
  readonly state: StageState;
}

export class ImageBuilder implements AsyncDisposable {
  readonly #options: ImageBuilderOptions;
  readonly #derivation: ImageDerivation;
  readonly #bases: BaseImages;
  readonly #containers: StepContainers;
  readonly #trees: CopyTrees;
  readonly #stages: BuiltStage[] = [];
  #cache: StepCache;
  #step = 0;
  #steps = 0;

  constructor(options: ImageBuilderOptions) {
    const { parts, containers, output, request, signal } = options;
    this.#options = options;
    this.#derivation = parts.images.derive();
    this.#bases = new BaseImages({ images: parts.images, output, request, signal });
    this.#containers = new StepContainers({ containers, output, request, signal });
    this.#trees = new CopyTrees({ ...options, snapshotter: parts.snapshotter });
    this.#cache = this.#newCache();
  }

  /** Answers the image's id. @throws the failure of a step */
  async build(dockerfile: Dockerfile): Promise<string> {
    const { request, output, signal } = this.#options;
    const stages = wantedStages(dockerfile.stages, request.target);
    const labels = [...request.labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => labelCommand(name, value));
    stages.at(-1)?.commands.push(...labels);
    this.#steps = dockerfile.metaArguments.length + stages.reduce((sum, stage) => sum + 1 + stage.commands.length, 0);
    await this.#warn(dockerfile);
    const given = BuildArguments.of(request.buildArguments);
    for (const command of dockerfile.metaArguments) {
      await this.#announce(command.source);
      const context = { variables: given.meta(), escape: dockerfile.escape };
      for (const parameter of command.parameters) given.declareMeta(...argumentOf(parameter, (text) => expandWord(text, context)));
    }
    for (const stage of stages) {
      if (this.#stages.some(({ name }) => name !== '' && name === stage.name)) throw fail('build.step_failed', { message: `${stage.name} stage name already used` });
      await this.#announce(stage.source);
      this.#cache = this.#newCache();
      const state = await this.#begin(stage, given, dockerfile.escape);
      await this.#showImage(state);
      for (const command of stage.commands) {
        signal.throwIfAborted();
        await this.#announce(command.source);
        await this.#carryOut(command, state);
        await this.#showImage(state);
      }
      if (state.imageId !== '') await output.message({ aux: { ID: state.imageId } });
      this.#stages.push({ name: stage.name, state });
    }
    const unused = given.unused();
    if (unused.length > 0) await output.text(`[Warning] One or more build-args [${unused.join(' ')}] were not consumed\n`);
    const imageId = this.#stages.at(-1)?.state.imageId ?? '';
    if (imageId === '') throw fail('build.step_failed', { message: 'No image was generated. Is your Dockerfile empty?' });
    return imageId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trees[Symbol.asyncDispose]();
    await this.#derivation[Symbol.asyncDispose]();
  }

  async #warn({ emptyContinuations }: Dockerfile): Promise<void> {
    if (emptyContinuations.length === 0) return;
    const { output } = this.#options;
    const lines = [...emptyContinuations.map(({ text }) => `Empty continuation line found in: ${text}`), 'Empty continuation lines will become errors in a future release.'];
    for (const line of lines) await output.text(`\u001B[91m[WARNING]: ${line}\n\u001B[0m`);
  }

  #newCache(): StepCache {
    const { platform, noCache } = this.#options.request;
    return new StepCache(this.#options.parts.images, { disabled: noCache, platform: platform === '' ? undefined : parsePlatform(platform), derivation: this.#derivation, sources: this.#sources() });
  }

  /** The images that the client names; those that are not here are passed over, as by Docker. */
  #sources(): string[] {
    const { parts: { images }, request: { cacheFrom } } = this.#options;
    return cacheFrom.flatMap((name) => {
      try {
        return [images.resolve(name).id];
      } catch (error) {
        if (isFailure(error, 'image.not_found') || isFailure(error, 'image.invalid_reference')) return [];
        throw error;
      }
    });
  }

  async #announce(source: string): Promise<void> {
    this.#step++;
    const { output } = this.#options;
    await output.text(`Step ${this.#step}/${this.#steps} : ${source}`);
    await output.text('\n');
  }

  async #showImage({ imageId }: StageState): Promise<void> {
    await this.#options.output.text(` ---> ${shortIdentifier(imageId.replace(/^sha256:/, ''))}\n`);
  }

  /** The state a stage begins with, after the triggers its image brings. */
  async #begin(stage: Stage, given: BuildArguments, escape: string): Promise<StageState> {
    const base = expandWord(stage.base, { variables: given.meta(), escape });
    if (base === '') throw fail('build.step_failed', { message: `base name (${stage.base}) should not be blank` });
    const built = this.#stages.find(({ name }) => name !== '' && name === base.toLowerCase());
    const from =
      built !== undefined
        ? { imageId: built.state.imageId, author: '', config: built.state.config }
        : base === 'scratch'
          ? { imageId: '', author: '', config: {} }
          : await this.#bases.find(base, platformOf(stage, { variables: given.meta(), escape }));
    if (from.imageId !== '') await this.#derivation.hold(from.imageId);
    const triggers = from.config.OnBuild ?? [];
    const state = new StageState(from, given.stage(), escape);
    if (triggers.length === 0) return state;
    await this.#options.output.text(`# Executing ${triggers.length} build trigger${triggers.length === 1 ? '' : 's'}`);
    await this.#options.output.text('\n');
    for (const trigger of triggers) await this.#carryOut(readTrigger(trigger).command, state);
    return state;
  }

  /** Afterwards the step's containers go, as the client asked. */
  async #carryOut(command: Command, state: StageState): Promise<void> {
    let succeeded = false;
    try {
      await this.#dispatch(command, state);
      succeeded = true;
    } finally {
      const { remove, forceRemove } = this.#options.request;
      if (forceRemove || (remove && succeeded) || this.#options.signal.aborted) await this.#containers.removeAll();
    }
  }

  async #dispatch(command: Command, state: StageState): Promise<void> {
    switch (command.word) {
      case 'RUN':
        return this.#run(command, state);
      case 'ADD':
      case 'COPY':
        return this.#copy(command, state);
      case 'WORKDIR':
        return this.#changeDirectory(command, state);
      case 'ARG': {
        // All are resolved before any is declared.
        const texts = command.parameters.map((parameter) => argumentOf(parameter, state.expanders.word)).map(([name, fallback]) => {
          state.arguments.declare(name, fallback);
          return fallback === undefined ? name : `${name}=${fallback}`;
        });
        return this.#comment(`ARG ${texts.join(' ')}`, state);
      }
      default: {
        const before = state.config.Healthcheck?.Test ?? [];
        if (command.word === 'HEALTHCHECK' && before.length > 0 && before[0] !== 'NONE') {
          await this.#options.output.text(`Note: overriding previous HEALTHCHECK: [${before.join(' ')}]\n`);
        }
        return this.#comment(changeConfiguration(command, state), state);
      }
    }
  }

  /** An image whose making is a comment. */
  async #comment(comment: string, state: StageState): Promise<void> {
    const config = state.containerConfig({ Cmd: [...state.shell, '#(nop) ', comment] });
    if (await this.#wasBuilt(config, state)) return;
    const { id } = await this.#containers.create(config, { announced: true });
    await this.#make(state, { config, container: id });
  }

  async #changeDirectory(command: Command, state: StageState): Promise<void> {
    changeConfiguration(command, state);
    const config = state.containerConfig({ Cmd: [...state.shell, `#(nop) WORKDIR ${state.config.WorkingDir ?? ''}`] });
    if (await this.#wasBuilt(config, state)) return;
    const { id } = await this.#containers.create(config, { announced: true });
    await this.#make(state, { config, container: id, archive: (await this.#options.parts.snapshotter.archiveChanges(id)).bytes });
  }

  async #run(command: Command, state: StageState): Promise<void> {
    for (const mount of command.lists.get('mount') ?? []) checkMount(mount, state);
    refuseBuildKitFlags(command, ['mount', 'network', 'security', 'device']);
    const words = command.json ? [...command.parameters] : [...state.shell, ...command.parameters];
    const { all, counted } = state.arguments.forCommand(state.environment);
    const saved = all.length === 0 ? words : [`|${counted.length}`, ...counted, ...words];
    const config = state.containerConfig({ Cmd: saved, ...(saved.length > 0 ? { Entrypoint: null } : {}) });
    if (await this.#wasBuilt(config, state)) return;
    const container = await this.#containers.create(
      // Without a command of its own the image's is run.
      state.containerConfig({ Cmd: words, Env: [...(state.config.Env ?? []), ...all], ...(saved.length > 0 ? { Entrypoint: [''] } : {}), Healthcheck: { Test: ['NONE'] } }),
      { announced: true },
    );
    await this.#containers.run(container.id, words);
    await this.#make(state, { config, container: container.id, archive: (await this.#options.parts.snapshotter.archiveChanges(container.id)).bytes });
  }

  async #copy(command: Command, state: StageState): Promise<void> {
    refuseBuildKitFlags(command, ['chmod']);
    const { word, flags } = command;
    const [target = '', ...arguments_] = command.parameters.map(state.expanders.word).toReversed();
    const chown = state.expanders.word(flags.get('chown') ?? '');
    const given = flags.get('from') ?? '';
    const from = given === '' ? undefined : given;
    // This builder passes over here-documents.
    const names = command.heredocs.length === 0 ? arguments_.toReversed() : arguments_.toReversed().filter((name) => readHeredocWord(name) === undefined);
    const sources = await this.#sourcesOf({ word, names, from, target });
    const comment = `${word} ${chown === '' ? '' : `--chown=${chown} `}${hashOfSources(sources)} in ${target} `;
    const config = state.containerConfig({ Cmd: [...state.shell, `#(nop) ${comment}`] });
    if (await this.#wasBuilt(config, state)) return;
    const base = state.imageId === '' ? undefined : this.#options.parts.images.resolve(state.imageId);
    await using mounted = await this.#trees.mount(base?.topLayer);
    const owner = chown === '' ? (from === undefined ? { uid: 0, gid: 0 } : undefined) : copyOwner(mounted.path, chown);
    const path = target.startsWith('/') ? target : `${posix.join('/', state.config.WorkingDir ?? '', target).replace(/\/$/, '')}${/(^|\/)\.?$/.test(target) ? '/' : ''}`;
    const members = copyMembers(new Destination(mounted.path), sources, { target: path, owner, directory: this.#options.directory, signal: this.#options.signal });
    await this.#make(state, { config, archive: Readable.from(writeTar(members), { objectMode: false }) });
  }

  async #sourcesOf({ word, names, from, target }: { word: string; names: readonly string[]; from: string | undefined; target: string }): Promise<CopySource[]> {
    const image = from === undefined ? undefined : await this.#imageToCopyFrom(from);
    const sources = await this.#trees.select(names, { word, image, target });
    if (sources.length > 1 && !target.endsWith('/')) {
      throw fail('build.step_failed', { message: `When using ${word} with more than one source file, the destination must be a directory and end with a /` });
    }
    return sources;
  }

  /** A stage by name or number, else an image. Empty id: from scratch. */
  async #imageToCopyFrom(from: string): Promise<{ id: string; topLayer: string | undefined }> {
    const stage = this.#stages.find(({ name }) => name !== '' && name === from.toLowerCase()) ?? this.#stageOfNumber(from);
    let id = stage?.state.imageId;
    if (id === undefined) {
      try {
        id = (await this.#bases.find(from, '')).imageId;
      } catch (error) {
        throw fail('build.step_failed', { message: `invalid from flag value ${from}: ${error instanceof Error ? error.message : String(error)}` }, error);
      }
    }
    if (id === '') return { id, topLayer: undefined };
    await this.#derivation.hold(id);
    return { id, topLayer: this.#options.parts.images.resolve(id).topLayer };
  }

  #stageOfNumber(from: string): BuiltStage | undefined {
    if (!/^[+-]?\d+$/.test(from)) return undefined;
    const index = Number(from);
    if (index === this.#stages.length) throw fail('build.step_failed', { message: `invalid from flag value ${from}: refers to current build stage` });
    const stage = this.#stages[index];
    if (stage === undefined) throw fail('build.step_failed', { message: `invalid from flag value ${from}: index out of bounds` });
    return stage;
  }

  async #wasBuilt(config: ContainerConfig, state: StageState): Promise<boolean> {
    const id = await this.#cache.probe(state.imageId, config, state);
    if (id === undefined || !(await this.#derivation.hold(id))) return false;
    await this.#options.output.text(' ---> Using cache\n');
    state.imageId = id;
    return true;
  }

  async #make(state: StageState, made: { config: ContainerConfig; container?: string; archive?: Readable }): Promise<void> {
    const { config, container, archive } = made;
    state.imageId = await this.#derivation.make(
      {
        base: state.imageId === '' ? undefined : state.imageId,
        author: state.author,
        comment: '',
        config: { ...state.config, Image: state.imageId },
        containerConfig: container === undefined ? config : { ...config, Hostname: shortIdentifier(container) },
        container,
        createdBy: (config.Cmd ?? []).join(' '),
      },
      archive,
      this.#options.signal,
    );
    await this.#derivation.hold(state.imageId);
  }
}

/** The platform of `--platform`, checked; empty: none was asked for. */
function platformOf({ platform }: Stage, context: ExpansionContext): string {
  if (platform === '') return '';
  const text = expandWord(platform, context);
  try {
    parsePlatform(text);
  } catch (error) {
    throw fail('build.step_failed', { message: `failed to parse platform ${text}: ${messageOf(error)}` }, error);
  }
  return text;
}

function wantedStages(stages: readonly Stage[], target: string): Stage[] {
  if (target === '') return [...stages];
  const index = stages.findIndex(({ name }) => name !== '' && name === target.toLowerCase());
  if (index < 0) throw fail('build.invalid_option', { message: `target stage ${JSON.stringify(target)} could not be found` });
  return stages.slice(0, index + 1);
}

function argumentOf(parameter: string, expand: (text: string) => string): [name: string, fallback: string | undefined] {
  const equals = parameter.indexOf('=');
  return equals < 0 ? [expand(parameter), undefined] : [expand(parameter.slice(0, equals)), expand(parameter.slice(equals + 1))];
}

/** What is wrong with a mount is told before that there are none here. */
function checkMount(text: string, { expanders }: StageState): void {
  try {
    readRunMount(text, expanders.word);
  } catch (error) {
    throw fail('build.step_failed', { message: messageOf(error) }, error);
  }
}

function refuseBuildKitFlags({ flags }: Command, names: readonly string[]): void {
  const flag = names.find((name) => flags.has(name));
  if (flag !== undefined) throw fail('build.needs_buildkit', { flag });
}
