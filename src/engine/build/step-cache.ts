/** Finds steps that were built before: images made from the same image in a container of the same configuration. */
import { parseTimestamp } from '#base/timestamp.ts';
import type { DerivedStep, ImageDerivation, ImageStore, RecordedConfig } from '#image/contract.ts';
import { runsOn, type Platform } from '#oci/platform.ts';
import { runtimeConfigOf } from '#oci/runtime-config.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

interface StepCacheOptions {
  readonly derivation: Pick<ImageDerivation, 'restore'>;
  readonly sources: readonly string[];
  /** What found images must be of; undefined: whatever they are of. */
  readonly platform: Platform | undefined;
  readonly disabled: boolean;
}

export class StepCache {
  readonly #images: Pick<ImageStore, 'stepsFrom' | 'family'>;
  readonly #derivation: Pick<ImageDerivation, 'restore'>;
  readonly #platform: Platform | undefined;
  /** Images that alone count; empty: whatever is here. */
  #sources: readonly string[];
  /** After one step that was not built before none is looked for. */
  #busted: boolean;

  constructor(images: Pick<ImageStore, 'stepsFrom' | 'family'>, { derivation, sources, platform, disabled }: StepCacheOptions) {
    this.#images = images;
    this.#derivation = derivation;
    this.#platform = platform;
    this.#sources = sources;
    this.#busted = disabled;
  }

  /** Id of the newest image that fits. @param base empty: none */
  async probe(base: string, containerConfig: RecordedConfig, stage: { author: string; config: ImageRuntimeConfig }): Promise<string | undefined> {
    if (this.#busted) return undefined;
    const local = this.#local(base, containerConfig);
    if (this.#sources.length === 0) {
      if (local === undefined) this.#busted = true;
      return local;
    }
    if (local !== undefined && this.#sources.some((source) => this.#images.family(local).has(source))) return local;
    const restored = await this.#derivation.restore({
      sources: this.#sources, base: base === '' ? undefined : base, author: stage.author, config: { ...stage.config, Image: base }, containerConfig, createdBy: (containerConfig.Cmd ?? []).join(' '),
    });
    if (restored === undefined) this.#busted = true;
    // Steps of several images are not mixed.
    else this.#sources = [restored.source];
    return restored?.id;
  }

  #local(base: string, containerConfig: ImageRuntimeConfig): string | undefined {
    const wanted = identity(containerConfig);
    const fitting = this.#images.stepsFrom(base === '' ? undefined : base).filter((step) => (this.#platform === undefined || runsOn(this.#platform, step.platform)) && identity(step.containerConfig) === wanted);
    const newest = fitting.reduce<DerivedStep | undefined>((best, step) => (best === undefined || momentOf(step) > momentOf(best) ? step : best), undefined);
    return newest?.id;
  }
}

/** What must be the same. Variables and arguments count in their order, names of maps do not. */
function identity(config: unknown): string {
  const { Labels, ExposedPorts, Volumes, ...rest } = runtimeConfigOf(config);
  const keys = (map: object | null | undefined): string[] => Object.keys(map ?? {}).sort();
  const labels = Object.entries(Labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([rest, labels, keys(ExposedPorts), keys(Volumes)]);
}

function momentOf({ created }: DerivedStep): bigint {
  return parseTimestamp(created) ?? 0n;
}
