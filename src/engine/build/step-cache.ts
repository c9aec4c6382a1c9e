/** Finds steps that were built before: images made from the same image in a container of the same configuration. */
import { parseTimestamp } from '#base/timestamp.ts';
import type { DerivedStep, ImageStore } from '#image/contract.ts';
import { readRuntimeConfig } from '#oci/image-configuration.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

export class StepCache {
  readonly #images: Pick<ImageStore, 'stepsFrom'>;
  /** After one step that was not built before none is looked for. */
  #busted: boolean;

  constructor(images: Pick<ImageStore, 'stepsFrom'>, options: { disabled: boolean }) {
    this.#images = images;
    this.#busted = options.disabled;
  }

  /** Id of the newest image that fits. @param base empty: none */
  probe(base: string, containerConfig: ImageRuntimeConfig): string | undefined {
    if (this.#busted) return undefined;
    const wanted = identity(containerConfig);
    const fitting = this.#images.stepsFrom(base === '' ? undefined : base).filter((step) => identity(step.containerConfig) === wanted);
    const newest = fitting.reduce<DerivedStep | undefined>((best, step) => (best === undefined || momentOf(step) > momentOf(best) ? step : best), undefined);
    if (newest === undefined) this.#busted = true;
    return newest?.id;
  }
}

/** What must be the same. Variables and arguments count in their order, names of maps do not. */
function identity(config: unknown): string {
  const { Labels, ExposedPorts, Volumes, ...rest } = readRuntimeConfig(config, 'container_config');
  const keys = (map: object | null | undefined): string[] => Object.keys(map ?? {}).sort();
  const labels = Object.entries(Labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([rest, labels, keys(ExposedPorts), keys(Volumes)]);
}

function momentOf({ created }: DerivedStep): bigint {
  return parseTimestamp(created) ?? 0n;
}
