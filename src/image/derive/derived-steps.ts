/** The images that were derived from one, with the configuration of the container each was made in. */
import { readFileSync } from 'node:fs';
import { platformOf } from '#oci/image-configuration.ts';
import { asObject, parseJson } from '#oci/json-value.ts';
import { failedWith } from '#kernel/failed-with.ts';
import type { DerivedStep } from '../contract.ts';
import type { ImageCatalog } from '../image-catalog.ts';

/** Images whose files are remembered: they never change. */
const mostRemembered = 2000;

export class DerivedSteps {
  readonly #catalog: ImageCatalog;
  /** Undefined: an image that no step made. */
  readonly #known = new Map<string, DerivedStep | undefined>();

  constructor(catalog: ImageCatalog) {
    this.#catalog = catalog;
  }

  /** @param base undefined: those made from nothing */
  from(base: string | undefined): DerivedStep[] {
    const catalog = this.#catalog;
    const ids = base === undefined ? catalog.ids().filter((id) => catalog.get(id).parent === undefined) : catalog.children(base);
    return ids.map((id) => this.#step(id)).filter((step) => step !== undefined);
  }

  #step(id: string): DerivedStep | undefined {
    if (this.#known.has(id)) return this.#known.get(id);
    let text: string;
    try {
      text = readFileSync(this.#catalog.configurationPath(id), 'utf8');
    } catch (error) {
      // Removed meanwhile.
      if (failedWith(error, 'ENOENT')) return undefined;
      throw error;
    }
    const document = asObject(parseJson(text, 'image configuration'), 'image configuration');
    const { created, container_config: containerConfig } = document;
    const step = containerConfig === undefined || typeof created !== 'string' ? undefined : { id, created, containerConfig, platform: platformOf(this.#catalog.get(id).configuration) };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= mostRemembered && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(id, step);
    return step;
  }
}
