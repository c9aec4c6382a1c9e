/**
 * From a Dockerfile to the graph of the stage that is wanted: stages it does not need are left out, images are looked
 * up once, every instruction changes the stage's configuration or adds a node. Nothing is made here.
 */
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readDockerfile, readTrigger, triggerText, type Command, type Dockerfile, type LineRange, type Stage } from '#build/dockerfile.ts';
import { BuildChecks, readCheckOptions, type CheckFinding, type CheckOptions } from '#build/checks/build-checks.ts';
import { checkDockerfile } from '#build/checks/check-dockerfile.ts';
import { mountSource } from '#build/run-mount.ts';
import { meant } from '#build/suggest-name.ts';
import { expandWord } from '#oci/instructions/expand-word.ts';
import { formatPlatform, hostPlatform, parsePlatform, type Platform } from '#oci/platform.ts';
import type { BuildNode, LocalNode } from './build-node.ts';
import { buildNode } from './build-node.ts';
import { applyInstruction } from './apply-instruction.ts';
import { makesStep, refusing, splitArgument, stepName, type PlanContext } from './plan-context.ts';
import { isFresh, type SolveOptions } from './solve-options.ts';
import { emptyConfig, scratchNode, StageDraft, type PlannedStage, type StageBase } from './stage-draft.ts';

/** Looks up what FROM and `--from` name. */
export interface BaseResolver {
  /** @throws build.solve_failed with BuildKit's text */
  image(reference: string, platform: Platform): Promise<StageBase & { readonly reference: string }>;
  /** A `--build-context` of this name; undefined: there is none. */
  context(name: string, platform: Platform): Promise<StageBase | undefined>;
}

export interface PlanInput {
  readonly text: string;
  readonly options: SolveOptions;
  readonly platform: Platform;
  readonly resolver: BaseResolver;
  /** Called once the images are known. */
  readonly beforeInstructions: () => Promise<void>;
  /** Whether the list of what is ignored names a path of the context. */
  readonly isIgnored: (path: string) => boolean;
  /** The build context, given the paths that are taken from it. */
  readonly contextNode: (paths: readonly string[]) => BuildNode;
  /** Called with what the checks found so far when the plan fails. */
  readonly tellFindings: (findings: readonly CheckFinding[]) => void;
  /** Also look at stages that are not needed. */
  readonly everything?: boolean;
}

export interface BuildPlan {
  readonly target: StageDraft;
  readonly dockerfile: Dockerfile;
  readonly findings: readonly CheckFinding[];
  /** What the findings make the build fail with, where it asks for that; undefined: nothing. */
  readonly failure: string | undefined;
}

const placeholder: BuildNode = buildNode({ kind: 'local', name: 'context', inputs: [], directory: '', wanted: {}, transfer: '' } satisfies Omit<LocalNode, 'digest' | 'range' | 'fresh'>);

/** @throws build.invalid_dockerfile, build.solve_failed with the lines to blame in `details.range` */
export async function planBuild({ text, options, platform, resolver, beforeInstructions, isIgnored, contextNode, tellFindings, everything = false }: PlanInput): Promise<BuildPlan> {
  if (text === '') throw fail('build.solve_failed', { message: 'the Dockerfile cannot be empty' });
  const dockerfile = parse(text, options);
  const globals = globalArguments(dockerfile, options, platform);
  const checks = new BuildChecks(readChecks(options.buildArguments, dockerfile));
  checkDockerfile(dockerfile, checks, globals);
  let stages: PlannedStage[];
  let target: PlannedStage;
  try {
    stages = arrange(dockerfile, { options, globals });
    target = wanted(stages, options.target);
  } catch (error) {
    tellFindings(checks.findings);
    throw error;
  }
  if (stages.length === 1 && stages[0] !== undefined) stages[0].label = '';
  const drafts = new Map<PlannedStage, StageDraft>();
  const paths = new Set<string>();
  const context: PlanContext = {
    options, platform, escape: dockerfile.escape, globals, drafts, checks, isIgnored,
    contextInput: placeholder,
    fetched: new Map(),
    usePath: (path) => void paths.add(path),
  };
  try {
    const bases = await findBases(stages, target, { options, platform, resolver, everything, checks });
    await beforeInstructions();
    const needed = everything ? new Set(stages) : reachable(target);
    // Images that are only copied from come first: whatever stage needs them.
    for (const planned of [...stages].sort((a, b) => Number(b.implied) - Number(a.implied))) {
      if (!needed.has(planned)) continue;
      const draft = planned.base === undefined ? new StageDraft(required(bases.get(planned))) : StageDraft.from(required(drafts.get(planned.base)));
      drafts.set(planned, draft);
      for (const { command, trigger } of planned.commands) blaming(command.range, () => applyInstruction({ command, trigger, planned, draft, context, fresh: isFresh(options, planned.stage.name) }));
    }
    const result = required(drafts.get(target));
    const labels = Object.fromEntries(options.labels);
    if (options.labels.size > 0) result.config.Labels = { ...result.config.Labels, ...labels };
    const local = contextNode([...paths].sort());
    result.node = replaceNode(result.node, placeholder, local);
    const failure = checks.failure();
    if (failure !== undefined && !everything) throw fail('build.solve_failed', { message: failure, findings: checks.findings });
    return { target: result, dockerfile, findings: checks.findings, failure };
  } catch (error) {
    tellFindings(checks.findings);
    throw error;
  }
}

/** What the checks find in a Dockerfile before its stages are planned. @throws build.solve_failed */
export function findingsBeforePlan(text: string, options: SolveOptions, platform: Platform): readonly CheckFinding[] {
  const dockerfile = parse(text, options);
  const checks = new BuildChecks(readChecks(options.buildArguments, dockerfile));
  checkDockerfile(dockerfile, checks, globalArguments(dockerfile, options, platform));
  return checks.findings;
}

function readChecks(buildArguments: ReadonlyMap<string, string>, { check }: Dockerfile): CheckOptions {
  const given = buildArguments.get('BUILDKIT_DOCKERFILE_CHECK');
  try {
    return readCheckOptions(given ?? check);
  } catch (error) {
    throw fail('build.solve_failed', { message: `failed to parse ${given === undefined ? 'check options' : 'build-arg:BUILDKIT_DOCKERFILE_CHECK'}: ${messageOf(error)}` }, error);
  }
}

/** Frontends are images that read Dockerfiles; what theirs of Docker reads is read here. @throws build.solve_failed for others */
function checkSyntax(reference: string): void {
  const [image = ''] = reference.split(/\s/, 1);
  if (image === '' || /^(?:(?:index\.|registry-1\.)?docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]\S*)?$/.test(image)) return;
  const message = `failed to solve with frontend ${image}: frontends other than docker/dockerfile cannot be run: take the syntax line (or BUILDKIT_SYNTAX) away, or name docker/dockerfile:1, which is built in`;
  throw fail('build.solve_failed', { message, range: { start: 1, end: 1 } });
}

/** The value of the directive, which is known before anything else is read. */
function syntaxOf(text: string): string {
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    const [, name = '', value = ''] = /^\s*(?:#|\/\/)\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line.replace(/\r$/, '')) ?? [];
    if (name === '') return '';
    if (name.toLowerCase() === 'syntax') return value;
  }
  return '';
}

/** BuildKit's texts where they are others than the classic builder's. */
function parse(text: string, { buildArguments }: SolveOptions): Dockerfile {
  checkSyntax(buildArguments.get('BUILDKIT_SYNTAX') ?? syntaxOf(text));
  try {
    return readDockerfile(text);
  } catch (error) {
    if (!isFailure(error, 'build.invalid_dockerfile')) throw error;
    const message = error.message.replace(/^failed to parse Dockerfile: /, '');
    if (message !== 'no build stage in current context' || !/^\s*arg\s/im.test(text) || /^\s*(?!arg\s|#)\S/im.test(text)) throw fail('build.solve_failed', { ...error.details, message }, error);
    throw fail('build.solve_failed', { message: 'dockerfile contains no stages to build' }, error);
  }
}

/** ARGs before the first FROM, over what the platform gives. */
function globalArguments({ metaArguments, escape }: Dockerfile, { buildArguments, target }: SolveOptions, platform: Platform): Map<string, string> {
  const host = hostPlatform();
  const globals = new Map<string, string>([
    ['BUILDPLATFORM', formatPlatform(host)], ['BUILDOS', host.os], ['BUILDOSVERSION', host.osVersion ?? ''], ['BUILDARCH', host.architecture], ['BUILDVARIANT', host.variant ?? ''],
    ['TARGETPLATFORM', formatPlatform(platform)], ['TARGETOS', platform.os], ['TARGETOSVERSION', platform.osVersion ?? ''], ['TARGETARCH', platform.architecture], ['TARGETVARIANT', platform.variant ?? ''],
    ['TARGETSTAGE', target === '' ? 'default' : target],
  ]);
  for (const name of globals.keys()) {
    const given = buildArguments.get(name);
    if (given !== undefined) globals.set(name, given);
  }
  for (const command of metaArguments) {
    blaming(command.range, () => {
      for (const parameter of command.parameters) {
        const { name, fallback } = splitArgument(parameter);
        const value = buildArguments.get(name) ?? (fallback === undefined ? undefined : expandWord(fallback, { variables: globals, escape }));
        if (value !== undefined) globals.set(name, value);
      }
    });
  }
  return globals;
}

/** Stages with what they begin with and take from; images that are only taken from come as stages of their own. */
function arrange(dockerfile: Dockerfile, { options, globals }: { options: SolveOptions; globals: ReadonlyMap<string, string> }): PlannedStage[] {
  const stages: PlannedStage[] = [];
  const byName = new Map<string, PlannedStage>();
  const { escape } = dockerfile;
  for (const [index, stage] of dockerfile.stages.entries()) {
    blaming(stage.range, () => {
      const baseName = expandWord(stage.base, { variables: globals, escape });
      if (baseName === '') throw fail('build.solve_failed', { message: `base name (${stage.base}) should not be blank` });
      const platform = stagePlatform(stage, globals, escape);
      const replaced = stage.name !== '' && options.contexts.has(stage.name);
      const base = replaced ? undefined : byName.get(baseName);
      const commands = replaced ? [] : stage.commands.map((command) => ({ command, trigger: false }));
      const planned: PlannedStage = {
        stage, index, base, platform, commands,
        label: stage.name === '' ? `stage-${index}` : stage.name,
        sources: new Map(),
        baseName: replaced ? stage.name : baseName,
        range: stage.range,
        implied: false,
        blames: true,
        steps: (base === undefined && baseName !== 'scratch' ? 1 : 0) + commands.filter(({ command }) => makesStep(command)).length,
        step: 0,
      };
      stages.push(planned);
      if (stage.name !== '') byName.set(stage.name, planned);
    });
  }
  for (const planned of [...stages]) for (const { command } of planned.commands) blaming(command.range, () => linkSources(planned, command, { stages, byName }));
  checkCycles(stages);
  return stages;
}

function stagePlatform({ platform, range }: Stage, globals: ReadonlyMap<string, string>, escape: string): Platform | undefined {
  if (platform === '') return undefined;
  const text = expandWord(platform, { variables: globals, escape });
  if (text === '') throw fail('build.solve_failed', { message: `empty platform value from expression ${platform}` });
  try {
    return parsePlatform(text);
  } catch (error) {
    throw fail('build.solve_failed', { message: `failed to parse platform ${platform}: ${messageOf(error)}`, range, alsoRanges: [range] }, error);
  }
}

interface Arrangement {
  readonly stages: PlannedStage[];
  readonly byName: ReadonlyMap<string, PlannedStage>;
}

/** Finds what a command takes from. */
function linkSources(planned: PlannedStage, command: Command, arrangement: Arrangement): void {
  if (command.word === 'COPY') {
    const from = command.flags.get('from');
    if (from === undefined || from === '') return;
    if (from.includes('$')) throw fail('build.solve_failed', { message: 'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround', blameless: true });
    planned.sources.set(command, [sourceOf(from, command.range, arrangement, { byNumber: true, blames: true })]);
  } else if (command.word === 'RUN') {
    const sources = (command.lists.get('mount') ?? []).map((text) => {
      const from = refusing(() => mountSource(text), `dockerfile parse error on line ${command.range.start}: `);
      // BuildKit counts the empty image among the stages for every mount without a source.
      return sourceOf(from === '' ? 'scratch' : from, command.range, arrangement, { byNumber: false, blames: false });
    });
    if (sources.length > 0) planned.sources.set(command, sources);
  }
}

function sourceOf(from: string, range: LineRange, { stages, byName }: Arrangement, { byNumber, blames }: { byNumber: boolean; blames: boolean }): PlannedStage {
  if (byNumber && /^[+-]?\d+$/.test(from)) {
    const stage = stages[Number(from)];
    if (stage === undefined || stage.implied) throw fail('build.solve_failed', { message: `invalid stage index ${Number(from)}`, blameless: true });
    return stage;
  }
  const named = byName.get(from.toLowerCase());
  if (named !== undefined) return named;
  const stage: Stage = { name: '', base: from, platform: '', source: `FROM ${from}`, range, comments: [], commands: [] };
  const implied: PlannedStage = { stage, index: stages.length, base: undefined, platform: undefined, commands: [], label: '', sources: new Map(), baseName: from, range, implied: true, blames, steps: 0, step: 0 };
  stages.push(implied);
  return implied;
}

function dependencies({ base, sources }: PlannedStage): PlannedStage[] {
  return [...(base === undefined ? [] : [base]), ...[...sources.values()].flat().filter((source) => source !== undefined)];
}

function checkCycles(stages: readonly PlannedStage[]): void {
  const done = new Set<PlannedStage>();
  const visit = (stage: PlannedStage, way: readonly PlannedStage[], lines: readonly LineRange[]): void => {
    if (done.has(stage)) return;
    if (way.includes(stage)) {
      const [first = stage] = way;
      throw fail('build.solve_failed', { message: `circular dependency detected on stage: ${first.label}`, range: lines[0], alsoRanges: lines.slice(1) });
    }
    if (stage.base !== undefined) visit(stage.base, [...way, stage], [...lines, stage.range]);
    for (const [{ range }, others] of stage.sources) for (const other of others) if (other !== undefined) visit(other, [...way, stage], [...lines, range]);
    done.add(stage);
  };
  for (const stage of stages) visit(stage, [], []);
}

function wanted(stages: readonly PlannedStage[], target: string): PlannedStage {
  const own = stages.filter(({ implied }) => !implied);
  const found = target === '' ? own.at(-1) : own.findLast(({ stage }) => stage.name !== '' && stage.name === target.toLowerCase());
  if (found === undefined) throw fail('build.solve_failed', { message: `target stage ${quoteText(target)} could not be found${meant(target, own.flatMap(({ stage }) => (stage.name === '' ? [] : [stage.name])))}` });
  return found;
}

function reachable(target: PlannedStage): Set<PlannedStage> {
  const found = new Set([target]);
  // What is added while a set is walked is walked, too.
  for (const stage of found) for (const other of dependencies(stage)) found.add(other);
  return found;
}

interface BaseSearch {
  readonly options: SolveOptions;
  readonly platform: Platform;
  readonly resolver: BaseResolver;
  readonly everything: boolean;
  readonly checks: BuildChecks;
}

/** The images of all stages that are needed, at once; triggers they bring become commands of the stage, and may need more images. */
async function findBases(stages: PlannedStage[], target: PlannedStage, search: BaseSearch): Promise<Map<PlannedStage, StageBase>> {
  const bases = new Map<PlannedStage, StageBase>();
  const triggered = new Set<PlannedStage>();
  for (;;) {
    const needed = search.everything ? [...stages] : [...reachable(target)];
    const missing = needed.filter((planned) => planned.base === undefined && !bases.has(planned));
    const found = await Promise.all(missing.map(async (planned) => ({ planned, base: await findBase(planned, search) })));
    // Where a stage and a copy are of the same image, the copy names its step.
    for (const { planned, base } of found.sort((a, b) => Number(b.planned.implied) - Number(a.planned.implied) || a.planned.index - b.planned.index)) bases.set(planned, shared(base, bases));
    const fresh = needed.filter((planned) => !triggered.has(planned) && !planned.implied);
    if (fresh.length === 0 && missing.length === 0) return bases;
    for (const planned of fresh) {
      triggered.add(planned);
      const given = bases.get(planned)?.config.OnBuild ?? planned.base?.commands.filter(({ command }) => command.word === 'ONBUILD').map(({ command }) => triggerText(command)) ?? [];
      const triggers = given.map((text) => ({ command: { ...readTrigger(text).command, range: planned.range }, trigger: true }));
      if (triggers.length === 0) continue;
      const byName = new Map(stages.filter(({ stage }) => stage.name !== '').map((other) => [other.stage.name, other]));
      for (const { command } of triggers) blaming(planned.range, () => linkSources(planned, command, { stages, byName }));
      planned.commands = [...triggers, ...planned.commands];
      planned.steps += triggers.length;
    }
  }
}

async function findBase(planned: PlannedStage, { platform: target, resolver, checks }: BaseSearch): Promise<StageBase> {
  const platform = planned.platform ?? target;
  try {
    if (planned.baseName === 'scratch') return { node: scratchNode(), config: emptyConfig, author: '', history: [], platform: target };
    const context = await resolver.context(planned.baseName, platform);
    if (context !== undefined) return context;
    const base = await resolver.image(planned.baseName, platform);
    const { node } = base;
    if (base.platform.os !== platform.os || base.platform.architecture !== platform.architecture) {
      const shown = (one: Platform): string => JSON.stringify(formatPlatform(one));
      checks.find('InvalidBaseImagePlatform', `Base image ${planned.baseName} was pulled with platform ${shown(base.platform)}, expected ${shown(platform)} for current build`, planned.range);
    }
    if (node.kind !== 'image') return base;
    // Its name and place are not what it is: the same image for two stages is one step.
    return { ...base, node: { ...node, name: stepName(planned, `FROM ${base.reference}`), range: planned.range } };
  } catch (error) {
    throw planned.blames ? blamed(error, planned.range) : error;
  }
}

/** The first of two that begin with the same image names its step. */
function shared(base: StageBase, bases: ReadonlyMap<PlannedStage, StageBase>): StageBase {
  const before = [...bases.values()].find(({ node }) => node.kind === 'image' && node.digest === base.node.digest);
  return before === undefined ? base : { ...base, node: before.node };
}

function replaceNode(node: BuildNode, from: BuildNode, to: BuildNode): BuildNode {
  const done = new Map<string, BuildNode>([[from.digest, to]]);
  const replace = (old: BuildNode): BuildNode => {
    const known = done.get(old.digest);
    if (known !== undefined) return known;
    const inputs = old.inputs.map(replace);
    const replaced = inputs.every((input, index) => input === old.inputs[index]) ? old : buildNode({ ...old, inputs });
    done.set(old.digest, replaced);
    return replaced;
  };
  return replace(node);
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('bug: a stage is used before it was made');
  return value;
}

/** Failures of `work` tell these lines. */
function blaming<T>(range: LineRange, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw blamed(error, range);
  }
}

function blamed(error: unknown, range: LineRange): unknown {
  if (isFailure(error, 'build.solve_failed') && error.details['range'] === undefined && error.details['blameless'] !== true) return fail('build.solve_failed', { ...error.details, range }, error);
  if (isFailure(error, 'image.invalid_change')) return fail('build.solve_failed', { message: error.message.replace(/^Invalid containerPort/, 'invalid containerPort'), range }, error);
  return error;
}
