/** Where COPY and ADD take from: the context, file systems of images, downloads. Everything is given back when disposed. */
import { join, posix } from 'node:path';
import { EngineError, fail, messageOf } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { SourceTree } from '#build/source-tree.ts';
import type { Snapshotter } from '#image/contract.ts';
import type { BuildOutput } from './build-output.ts';
import type { CopySource } from './copy-members.ts';
import { downloadSource } from './download-source.ts';
import { hasWildcard, literalPrefix, relativePath, selectSources } from './select-sources.ts';

export interface CopyTreesOptions {
  readonly snapshotter: Snapshotter;
  readonly context: SourceTree;
  readonly directory: string;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

interface Wanted {
  readonly word: string;
  /** Undefined: the context. */
  readonly image: { readonly id: string; readonly topLayer: string | undefined } | undefined;
  readonly target: string;
}

export class CopyTrees implements AsyncDisposable {
  readonly #options: CopyTreesOptions;
  readonly #opened = new AsyncDisposableStack();
  /** Parts of images, by image and path. */
  readonly #parts = new Map<string, SourceTree>();
  #count = 0;

  constructor(options: CopyTreesOptions) {
    this.#options = options;
  }

  /** @throws build.step_failed with the instruction's name */
  async select(names: readonly string[], wanted: Wanted): Promise<CopySource[]> {
    const { word } = wanted;
    try {
      const sources: CopySource[] = [];
      for (const name of names) sources.push(...(await this.#selectOne(name, wanted)));
      if (sources.length === 0) throw fail('build.step_failed', { message: 'no source files were specified' });
      return sources;
    } catch (error) {
      if (error instanceof EngineError) throw fail('build.step_failed', { message: `${word} failed: ${messageOf(error)}` }, error);
      throw error;
    }
  }

  /** A file system over a layer, for as long as it is needed. */
  async mount(topLayer: string | undefined): Promise<AsyncDisposable & { readonly id: string; readonly path: string }> {
    const { snapshotter } = this.#options;
    const id = newIdentifier();
    await snapshotter.create(id, topLayer, { plain: true });
    try {
      return { id, path: await snapshotter.mount(id), [Symbol.asyncDispose]: async () => await snapshotter.remove(id) };
    } catch (error) {
      await snapshotter.remove(id);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async #selectOne(name: string, { word, image, target }: Wanted): Promise<CopySource[]> {
    if (/^https?:\/\//.test(name)) {
      if (word !== 'ADD') throw fail('build.step_failed', { message: "source can't be a URL for COPY" });
      const { output, signal } = this.#options;
      const { tree, path } = await downloadSource(name, { spoolPath: this.#newPath(), target, output, signal });
      this.#opened.use(tree);
      // What is fetched is told by its digest alone.
      return selectSources(path, { tree, isContext: false, unpack: false }).map((source) => ({ ...source, hash: source.hash.replace(/^file:/, '') }));
    }
    if (image === undefined) return selectSources(name, { tree: this.#options.context, isContext: true, unpack: word === 'ADD' });
    const path = relativePath(posix.normalize(`/${name}`));
    const tree = await this.#partOf(image, hasWildcard(path) ? literalPrefix(path) : path);
    return selectSources(path, { tree, isContext: false, unpack: false });
  }

  async #partOf(image: NonNullable<Wanted['image']>, path: string): Promise<SourceTree> {
    const key = `${image.id} ${path}`;
    const known = this.#parts.get(key);
    if (known !== undefined) return known;
    await using mounted = await this.mount(image.topLayer);
    const archive = await this.#options.snapshotter.archivePath(mounted.id, path);
    const tree = this.#opened.use(await SourceTree.read(archive, this.#newPath()));
    this.#parts.set(key, tree);
    return tree;
  }

  #newPath(): string {
    return join(this.#options.directory, `source-${this.#count++}`);
  }
}
