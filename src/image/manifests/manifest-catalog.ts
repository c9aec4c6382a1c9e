/**
 * Which manifests and indexes are kept as they were received or sent, what images they describe, and which
 * compressed blob is which layer. Facts are rows of the state database; the documents themselves are blobs of
 * the content store. A manifest is kept as long as its image is, an index as long as one of its images is, and
 * what goes with an index (attestations) as long as the index is.
 */
import type { Descriptor } from '#oci/manifest.ts';
import type { ImageReference } from '#oci/reference.ts';
import type { ContentStore } from '#store/content/contract.ts';
import type { DocumentTable, StateDatabase } from '#store/state-database.ts';
import type { ImageCatalog } from '../image-catalog.ts';

export interface KeptManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly kind: 'manifest' | 'index';
  /** Id of the image it describes; undefined for an index and for what is no image. */
  readonly image?: string;
  /** Where it is known to be: canonical names, `docker.io/library/busybox`. */
  readonly repositories: readonly string[];
  /** What it names: of an index its manifests, of a manifest its configuration first and its layers, bottom first. */
  readonly references: readonly Descriptor[];
}

/** A layer as registries have it. */
export interface LayerBlob {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  /** Where it is known to be: canonical names. */
  readonly repositories: readonly string[];
}

export interface KeptDocuments {
  readonly manifests: readonly KeptManifest[];
  /** By diff id. */
  readonly layers: ReadonlyMap<string, LayerBlob>;
}

export class ManifestCatalog {
  readonly #content: ContentStore;
  readonly #catalog: ImageCatalog;
  readonly #manifestRows: DocumentTable<KeptManifest>;
  readonly #layerRows: DocumentTable<LayerBlob>;
  readonly #manifests = new Map<string, KeptManifest>();
  readonly #layers = new Map<string, LayerBlob>();

  constructor(database: StateDatabase, content: ContentStore, catalog: ImageCatalog) {
    this.#content = content;
    this.#catalog = catalog;
    this.#manifestRows = database.table('image_manifests');
    this.#layerRows = database.table('layer_blobs');
    for (const [digest, manifest] of this.#manifestRows.entries()) this.#manifests.set(digest, manifest);
    for (const [diffId, layer] of this.#layerRows.entries()) this.#layers.set(diffId, layer);
  }

  get(digest: string): KeptManifest | undefined {
    return this.#manifests.get(digest);
  }

  list(): KeptManifest[] {
    return [...this.#manifests.values()];
  }

  /** What a name stands for in its registry. */
  targetOf(name: ImageReference): KeptManifest | undefined {
    const digest = this.#catalog.targetOf(name);
    return digest === undefined ? undefined : this.#manifests.get(digest);
  }

  /** The manifests that describe an image; several when registries have it packed in several ways. */
  ofImage(id: string): KeptManifest[] {
    return [...this.#manifests.values()].filter(({ image }) => image === id);
  }

  /** The indexes a manifest or index is part of. */
  indexesOf(digest: string): KeptManifest[] {
    return [...this.#manifests.values()].filter(({ kind, references }) => kind === 'index' && references.some((reference) => reference.digest === digest));
  }

  /** The compressed form of a layer, where it is kept here. */
  layerBlob(diffId: string): LayerBlob | undefined {
    const layer = this.#layers.get(diffId);
    return layer === undefined || this.#content.stat(layer.digest) === undefined ? undefined : layer;
  }

  /** What of a document, and of all it names, is not here; empty: it can be pushed as it is. */
  missing(digest: string): string[] {
    const manifest = this.#manifests.get(digest);
    if (manifest === undefined || this.#content.stat(digest) === undefined) return [digest];
    if (manifest.kind === 'index') return manifest.references.flatMap((reference) => this.missing(reference.digest));
    return manifest.references.filter((reference) => this.#content.stat(reference.digest) === undefined).map((reference) => reference.digest);
  }

  /** Adds documents; what is known of one already stays, with the repositories of both. Joins the transaction that is open. */
  record({ manifests, layers }: KeptDocuments): void {
    for (const manifest of manifests) {
      const repositories = union(this.#manifests.get(manifest.digest)?.repositories, manifest.repositories);
      const row = { ...this.#manifests.get(manifest.digest), ...manifest, repositories };
      this.#manifestRows.put(manifest.digest, row);
      this.#manifests.set(manifest.digest, row);
    }
    for (const [diffId, layer] of layers) {
      const before = this.#layers.get(diffId);
      // One form of a layer is enough: the one whose bytes are here.
      const kept = before !== undefined && before.digest !== layer.digest && this.#content.stat(before.digest) !== undefined ? before : layer;
      const row = { ...kept, repositories: kept.digest === before?.digest ? union(before.repositories, kept === layer ? layer.repositories : []) : kept.repositories };
      this.#layerRows.put(diffId, row);
      this.#layers.set(diffId, row);
    }
  }

  /** Digests of every blob that has an owner. */
  owned(): Set<string> {
    const digests = new Set<string>();
    for (const manifest of this.#live()) {
      digests.add(manifest.digest);
      if (manifest.kind === 'manifest') for (const { digest } of manifest.references) digests.add(digest);
    }
    const diffIds = this.#diffIds();
    for (const [diffId, { digest }] of this.#layers) if (diffIds.has(diffId)) digests.add(digest);
    return digests;
  }

  /** Forgets what belongs to no image any more. @returns digests of blobs that may have lost their owner by that */
  forgetUnused(): string[] {
    const live = new Set(this.#live());
    const gone = [...this.#manifests.values()].filter((manifest) => !live.has(manifest));
    const diffIds = this.#layers.size === 0 ? new Set<string>() : this.#diffIds();
    const goneLayers = [...this.#layers].filter(([diffId]) => !diffIds.has(diffId));
    for (const { digest } of gone) {
      this.#manifestRows.delete(digest);
      this.#manifests.delete(digest);
    }
    for (const [diffId] of goneLayers) {
      this.#layerRows.delete(diffId);
      this.#layers.delete(diffId);
    }
    return [...gone.flatMap(({ digest, references }) => [digest, ...references.map((reference) => reference.digest)]), ...goneLayers.map(([, { digest }]) => digest)];
  }

  #live(): Iterable<KeptManifest> {
    const live = new Set<KeptManifest>();
    for (const manifest of this.#manifests.values()) if (manifest.image !== undefined && this.#catalog.has(manifest.image)) live.add(manifest);
    // What is added while a set is walked is walked, too: indexes of indexes.
    for (const manifest of live) for (const index of this.indexesOf(manifest.digest)) live.add(index);
    for (const manifest of live) {
      if (manifest.kind !== 'index') continue;
      for (const { digest } of manifest.references) {
        const part = this.#manifests.get(digest);
        if (part !== undefined && part.image === undefined) live.add(part);
      }
    }
    return live;
  }

  #diffIds(): Set<string> {
    return new Set(this.#catalog.all().flatMap(({ configuration }) => configuration.diffIds));
  }
}

function union(left: readonly string[] = [], right: readonly string[]): string[] {
  return [...new Set([...left, ...right])];
}
