/** A stage in the making: the file system so far as a node, the configuration, the history, the variables. */
import type { Command, LineRange, Stage } from '#build/dockerfile.ts';
import { variablesOf, type Draft } from '#oci/instructions/apply-changes.ts';
import type { HistoryRecord } from '#oci/image-configuration.ts';
import type { Platform } from '#oci/platform.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import { buildNode, type BuildNode } from './build-node.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const defaultShell = ['/bin/sh', '-c'];
const historyComment = 'buildkit.dockerfile.v0';

/** What a stage begins with. */
export interface StageBase {
  readonly node: BuildNode;
  readonly config: ImageRuntimeConfig;
  readonly author: string;
  readonly history: readonly HistoryRecord[];
  readonly platform: Platform;
}

/** One ARG of a stage, in force. */
export interface DeclaredArgument {
  readonly name: string;
  readonly value: string | undefined;
}

export class StageDraft {
  node: BuildNode;
  author: string;
  readonly platform: Platform;
  readonly draft: Draft;
  readonly history: HistoryRecord[];
  /** What commands see: the image's variables and the ARGs in force. */
  readonly environment: Map<string, string>;
  readonly arguments: DeclaredArgument[] = [];
  /** A WORKDIR of this Dockerfile came before. */
  directorySet = false;
  /** Where the stage's own CMD, ENTRYPOINT and HEALTHCHECK stand. */
  readonly once = new Map<string, LineRange>();

  constructor(base: StageBase) {
    this.node = base.node;
    this.author = base.author;
    this.platform = base.platform;
    const config = structuredClone(base.config);
    config.OnBuild = null;
    if (!(config.Env ?? []).some((variable) => variable.startsWith('PATH='))) config.Env = [...(config.Env ?? []), `PATH=${defaultPath}`];
    this.draft = { config, commandSet: false };
    this.history = [...base.history];
    this.environment = variablesOf(config.Env ?? []);
  }

  /** A stage that goes on from this one, with its ARGs. */
  static from(other: StageDraft): StageDraft {
    const { node, author, history, platform } = other;
    const stage = new StageDraft({ node, author, history, platform, config: other.config });
    // What ENV has set goes before arguments of the same names there.
    for (const [name, value] of other.environment) if (!stage.environment.has(name)) stage.environment.set(name, value);
    stage.arguments.push(...other.arguments);
    stage.directorySet = other.directorySet;
    return stage;
  }

  get config(): ImageRuntimeConfig {
    return this.draft.config;
  }

  get shell(): readonly string[] {
    const { Shell } = this.config;
    return Shell !== undefined && Shell.length > 0 ? Shell : defaultShell;
  }

  get directory(): string {
    const { WorkingDir = '' } = this.config;
    return WorkingDir === '' ? '/' : WorkingDir;
  }

  /** Adds a line to the history. `layer`: the instruction made one. */
  record(createdBy: string, { layer }: { layer: boolean }): void {
    this.history.push({ createdBy, comment: historyComment, author: '', emptyLayer: !layer });
  }
}

/** A stage with what surrounds it. */
export interface PlannedStage {
  readonly stage: Stage;
  /** Name as steps show it; empty where there is only one. */
  label: string;
  readonly index: number;
  /** Stages and images its commands take from, by command. */
  readonly sources: Map<Command, readonly (PlannedStage | undefined)[]>;
  /** The stage it begins with; undefined: an image. */
  readonly base: PlannedStage | undefined;
  readonly baseName: string;
  readonly platform: Platform | undefined;
  readonly range: LineRange;
  /** No stage of the Dockerfile: an image that something is copied from. */
  readonly implied: boolean;
  /** Failures of its image name the lines. */
  readonly blames: boolean;
  /** Commands that its image brings, and its own. */
  commands: readonly { readonly command: Command; readonly trigger: boolean }[];
  steps: number;
  step: number;
}

/** The configuration of an empty image. */
export const emptyConfig: ImageRuntimeConfig = { WorkingDir: '/' };

export function scratchNode(): BuildNode {
  return buildNode({ kind: 'scratch', name: '', inputs: [] });
}
