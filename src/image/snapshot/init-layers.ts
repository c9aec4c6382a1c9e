/** The init layers of images: made by mounting over the image, once per top layer, and kept as long as that. */
import { existsSync, mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { invariant } from '#base/errors/failure.ts';
import { unmountAsync } from '#kernel/mounts.ts';
import { mountOverlay } from '#kernel/overlay-mount.ts';
import type { LayerDirectory } from '../layer/contract.ts';
import { readLink, writeLink } from '../layer/layer-links.ts';
import { directoryName, newDirectoryName, newLinkName, type LayerPaths } from '../layer/layer-paths.ts';
import { makeRoot } from '../layer/make-root.ts';
import type { RemovalQueue } from '../layer/removal-queue.ts';
import { fillInitLayer } from './init-layer.ts';

const suffix = '-init';
const baseOfNothing = createHash('sha256').update('no layers').digest('hex');

export class InitLayers {
  readonly #paths: LayerPaths;
  readonly #removals: RemovalQueue;
  /** Links, by name of the directory. */
  readonly #links = new Map<string, Promise<string>>();

  constructor(paths: LayerPaths, removals: RemovalQueue) {
    this.#paths = paths;
    this.#removals = removals;
  }

  /** Where init layers are made. */
  get preparing(): string {
    return `${this.#paths.home}/.preparing`;
  }

  /** The directory of the init layer above these layers (topmost first). */
  nameFor(layers: readonly LayerDirectory[]): string {
    return (layers[0]?.name ?? baseOfNothing) + suffix;
  }

  /** The link of the init layer above these layers, made if missing. */
  async linkFor(layers: readonly LayerDirectory[]): Promise<string> {
    const name = this.nameFor(layers);
    let link = this.#links.get(name);
    if (link === undefined) {
      link = this.#find(name, layers);
      this.#links.set(name, link);
      // A failure is not remembered.
      link.catch(() => this.#links.delete(name));
    }
    return await link;
  }

  /** Whether a directory is an init layer that is complete and whose image's layer is there; undefined: it is none of these. */
  isWanted(name: string): boolean | undefined {
    const base = name.slice(0, -suffix.length);
    if (!name.endsWith(suffix) || !directoryName.test(base)) return undefined;
    return existsSync(`${this.#paths.layer(name)}/committed`) && (base === baseOfNothing || existsSync(this.#paths.layer(base)));
  }

  async #find(name: string, layers: readonly LayerDirectory[]): Promise<string> {
    if (!existsSync(`${this.#paths.layer(name)}/committed`)) return await this.#make(name, layers);
    const link = readLink(this.#paths, name);
    invariant(link !== undefined, `init layer ${name} has no link`);
    return link;
  }

  async #make(name: string, layers: readonly LayerDirectory[]): Promise<string> {
    const part = newDirectoryName();
    const directory = `${this.preparing}/${part}`;
    mkdirSync(directory, { recursive: true, mode: 0o710 });
    try {
      makeRoot(`${directory}/diff`);
      if (layers.length === 0) fillInitLayer(`${directory}/diff`);
      else await this.#fillOver(layers, `.preparing/${part}`);
      const link = newLinkName();
      writeLink(this.#paths, { directory, name, link, lower: layers.map((layer) => layer.link) });
      writeFileSync(`${directory}/committed`, '', { mode: 0o600 });
      renameSync(directory, this.#paths.layer(name));
      return link;
    } finally {
      await this.#removals.delete(directory);
    }
  }

  async #fillOver(layers: readonly LayerDirectory[], directory: string): Promise<void> {
    const { home } = this.#paths;
    mkdirSync(`${home}/${directory}/work`, { mode: 0o700 });
    mkdirSync(`${home}/${directory}/merged`, { mode: 0o700 });
    const lower = layers.map(({ link }) => `l/${link}`);
    mountOverlay({ home, lower, upper: `${directory}/diff`, work: `${directory}/work`, target: `${directory}/merged` });
    try {
      fillInitLayer(`${home}/${directory}/merged`);
    } finally {
      await unmountAsync(`${home}/${directory}/merged`);
    }
    rmdirSync(`${home}/${directory}/merged`);
  }
}
