/** What the instructions of a stage have made so far. */
import { BuildArguments } from '#build/build-arguments.ts';
import { expandWord, expandWords } from '#oci/instructions/expand-word.ts';
import { variablesOf, type Draft, type Expanders } from '#oci/instructions/apply-changes.ts';
import type { ContainerConfig } from '#schema/container-config.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const defaultShell = ['/bin/sh', '-c'];

export class StageState {
  /** Empty: no image yet. */
  imageId: string;
  author: string;
  readonly draft: Draft;
  readonly arguments: BuildArguments;
  readonly #escape: string;

  constructor(from: { imageId: string; author: string; config: ImageRuntimeConfig }, buildArguments: BuildArguments, escape: string) {
    this.imageId = from.imageId;
    this.author = from.author;
    const config = structuredClone(from.config);
    config.OnBuild = null;
    if (!(config.Env ?? []).some((variable) => variable.startsWith('PATH='))) config.Env = [...(config.Env ?? []), defaultPath];
    this.draft = { config, commandSet: false };
    this.arguments = buildArguments;
    this.#escape = escape;
  }

  get config(): ImageRuntimeConfig {
    return this.draft.config;
  }

  get shell(): string[] {
    const { Shell } = this.config;
    return Shell !== undefined && Shell.length > 0 ? [...Shell] : [...defaultShell];
  }

  get environment(): Map<string, string> {
    return variablesOf(this.config.Env ?? []);
  }

  /** The image's own variables come before arguments of the same name. */
  get expanders(): Expanders {
    const context = { variables: new Map([...this.arguments.visible(), ...this.environment]), escape: this.#escape };
    return { word: (text) => expandWord(text, context), words: (text) => expandWords(text, context) };
  }

  /** The configuration as a container gets it, with changes. */
  containerConfig(changes: Partial<ContainerConfig>): ContainerConfig {
    const { config } = this;
    return {
      Hostname: '', Domainname: '', User: config.User ?? '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false,
      Env: config.Env ?? null, Cmd: config.Cmd ?? null, Image: this.imageId, Volumes: config.Volumes ?? null, WorkingDir: config.WorkingDir ?? '', Entrypoint: config.Entrypoint ?? null,
      OnBuild: config.OnBuild ?? null, Labels: { ...config.Labels },
      ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: config.ExposedPorts }),
      ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
      ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
      ...(config.Shell === undefined ? {} : { Shell: config.Shell }),
      ...changes,
    };
  }
}
