/**
 * What the engine needs of images and snapshots. Implemented in this folder; the engine and the API
 * know only these interfaces.
 */
import type { Readable } from 'node:stream';
import type { Descriptor } from '#oci/manifest.ts';
import type { Platform } from '#oci/platform.ts';
import type { ImageReference } from '#oci/reference.ts';
import type { ContainerConfig, GraphDriverData } from '#schema/container-config.ts';
import type { DamagedObject } from '#schema/storage-report.ts';
import type { LayerLease } from './layer-keeper.ts';
import type { HistoryEntry, ImageDeleteEntry, ImageInspect, ImageRuntimeConfig, ImageSummary, ProgressMessage } from '#schema/image-views.ts';

/** An image as containers use it. */
export interface Image {
  /** Digest of the configuration file, `sha256:…`. */
  readonly id: string;
  readonly config: ImageRuntimeConfig;
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  /** Chain id of the topmost layer; undefined for an image without layers. */
  readonly topLayer: string | undefined;
  /** Diff ids, bottom first. */
  readonly layers: readonly string[];
}

/** A container that uses an image, as `remove` must know. */
export interface ImageUser {
  readonly containerId: string;
  readonly running: boolean;
}

/** Facts about images, for the event log: action `pull`, `tag`, `untag`, `delete`, `load`, `import`, `save`. */
export type ImageEventListener = (event: { action: string; id: string; attributes: Record<string, string> }) => void;

export interface ImageFilters {
  readonly [name: string]: readonly string[];
}

/** A configuration as image files keep it: with the fields of a container, too. */
export type RecordedConfig = ImageRuntimeConfig & Partial<Omit<ContainerConfig, keyof ImageRuntimeConfig>>;

/** An image to make from another: one step of a build, or a commit. */
export interface DerivedImage {
  /** Id of the image it is made from; undefined: from nothing. */
  readonly base: string | undefined;
  readonly author: string;
  readonly comment: string;
  readonly config: RecordedConfig;
  /** Configuration of the container it was made in: by this a build finds the step again. */
  readonly containerConfig: RecordedConfig;
  /** Id of that container. */
  readonly container?: string | undefined;
  readonly createdBy: string;
}

/** A step that another image may have been made by. */
export interface RestoredStep extends Pick<DerivedImage, 'base' | 'author' | 'config' | 'containerConfig' | 'createdBy'> {
  /** Ids of images that may have it. */
  readonly sources: readonly string[];
}

/** A making of images. Disposed, layers that no image has got go. */
export interface ImageDerivation extends AsyncDisposable {
  /** Keeps an image's layers from going; false when they are gone. @throws image.not_found */
  hold(id: string): Promise<boolean>;
  /**
   * The image of a step that one of the sources has at its place, by the rule of Docker's `--cache-from`: the same history and
   * layers so far, and the same words. Answers its id and the source; undefined: none has it.
   */
  restore(step: RestoredStep): Promise<{ id: string; source: string } | undefined>;
  /** Adds an image, with the layer of the archive on top of its base's where there is one and it is not empty. Answers its id. @throws what `LayerStore.apply` throws */
  make(image: DerivedImage, archive: Readable | undefined, signal: AbortSignal): Promise<string>;
}

/** An image that was derived, as a build must know it to use it again. */
export interface DerivedStep {
  readonly id: string;
  /** RFC 3339. */
  readonly created: string;
  /** The `container_config` of its file. */
  readonly containerConfig: unknown;
  readonly platform: Platform;
}

/** How a layer is to be packed. */
export interface BlobForm {
  readonly compression: 'gzip' | 'zstd' | 'uncompressed';
  /** As the program counts them; its usual one unless given. */
  readonly level?: number | undefined;
  /** Which of the forms that are kept here may be taken, of whatever compression unless `force`: their digests; undefined: every one. */
  readonly reuse: readonly string[] | undefined;
  readonly force: boolean;
  /** The same bytes on every machine. */
  readonly steady: boolean;
  /** Media types of OCI; else Docker's, where there are any. */
  readonly oci: boolean;
}

/** An image with the manifest that describes it. */
export interface KeptImage {
  readonly configuration: Buffer;
  readonly manifest: Descriptor;
  /** Its configuration and its layers, bottom first. */
  readonly references: readonly Descriptor[];
  readonly diffIds: readonly string[];
}

/** What a name of a registry stands for. */
export interface RemoteImage extends Disposable {
  readonly root: Buffer;
  /** @throws registry.refused */
  document(digest: string): Promise<Buffer>;
  /** The caller verifies it. @throws registry.blob_unknown */
  blob(digest: string): Promise<Readable>;
}

/** Layers and documents in the form that registries and archives have. Disposed, what no image owns goes. */
export interface BlobExchange extends Disposable {
  /** Packs a layer; the same one for who asks again. @throws layer.not_found */
  layer(chainId: string, form: BlobForm, signal: AbortSignal): Promise<Descriptor>;
  document(bytes: Buffer, mediaType: string): Promise<Descriptor>;
  /** @throws layer.digest_mismatch where another digest is expected */
  blob(bytes: AsyncIterable<Uint8Array>, mediaType: string, signal: AbortSignal, expected?: string): Promise<Descriptor>;
  /** Digests of all that the manifests name by which an image came from registries or went there. */
  blobsOf(imageId: string): string[];
  /** Whether a blob is here; it stays then. */
  has(digest: string): boolean;
  read(digest: string, signal: AbortSignal): Readable;
  readDocument(digest: string): Promise<Buffer>;
  /** Sends a document with all it names. @throws registry.refused, registry.unreachable … */
  push(reference: ImageReference, root: Descriptor, target: { authorization: string; byDigest: boolean; signal: AbortSignal }): Promise<void>;
  /** @throws registry.refused, registry.unreachable … */
  remote(reference: ImageReference, options: { authorization: string; signal: AbortSignal }): Promise<RemoteImage>;
  /** Adds images with their documents; the names are the first one's and stand for `root`. `pushed`: where they are known to be. Answers their ids. */
  keep(documents: { images: readonly KeptImage[]; root: Descriptor; names: readonly ImageReference[]; pushed: readonly ImageReference[] }): Promise<string[]>;
}

export interface ImageStore {
  /** Opens a making of packed images. */
  exchange(): BlobExchange;
  /**
   * By name (default tag latest), name@digest, id or unambiguous id prefix. With a platform: where the image is of
   * another one, that of the same index which fits. @throws image.not_found, image.invalid_reference, image.platform_mismatch
   */
  resolve(reference: string, platform?: Platform): Image;
  /** The names an image has, `repository:tag` and `repository@digest`. */
  namesOf(id: string): { tags: string[]; digests: string[] };
  /** `users` tells how many containers an image has; without it the number is -1. */
  list(options: { all: boolean; filters: ImageFilters; sharedSize: boolean; users?: ((imageId: string) => ImageUser[]) | undefined }): Promise<ImageSummary[]>;
  /** @param options `origin`: with what the image's file tells of the container it was made in. @throws as `resolve` */
  inspect(reference: string, options?: { platform?: Platform | undefined; origin?: boolean }): Promise<ImageInspect>;
  history(reference: string, platform?: Platform): Promise<HistoryEntry[]>;
  /** @throws image.not_found, image.invalid_reference with Docker's text */
  tag(reference: string, repository: string, tag: string | undefined): void;
  /** Resolves when what was tagged so far, and with `files` what was derived and added, survives the loss of power. All else is safe when it is told to be done. */
  settled(what: { files: boolean }): Promise<void>;
  /** Untags and, when nothing refers to the image any more, deletes it with its unshared layers. `users` tells who uses an image. */
  remove(reference: string, options: { force: boolean; prune: boolean; platform?: Platform | undefined; users: (imageId: string) => ImageUser[] }): Promise<ImageDeleteEntry[]>;
  prune(options: { filters: ImageFilters; users: (imageId: string) => ImageUser[] }): Promise<{ ImagesDeleted: ImageDeleteEntry[] | null; SpaceReclaimed: number }>;
  /** Deletes the layers of images that were removed by force while containers used them and that no container uses any more. To be called when a container was removed. */
  collect(users: (imageId: string) => ImageUser[]): Promise<void>;
  /** Reads a docker-archive or OCI-layout tar (maybe compressed). Yields progress as Docker's load does. With a platform, images of other ones are passed over. Nothing stays behind on failure. The memory of a `disposable` archive's chunks is given back as they are used up: nobody else may look at them. */
  load(archive: Readable, options: { quiet: boolean; platform?: Platform | undefined; disposable?: boolean | undefined; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  /** A tar with the images of these names, Docker's layout (OCI layout with manifest.json and repositories). @throws image.not_found and image.no_export_target (an image of another platform) before the first byte */
  save(references: readonly string[], options: { platform?: Platform | undefined; signal: AbortSignal }): Promise<Readable>;
  /** Makes an image of one layer from a root filesystem tar (maybe compressed): the one given where `source` is `-`, else the one behind that address. */
  import(
    archive: Readable,
    options: { repository?: string; tag?: string; message: string; changes: readonly string[]; platform?: string; source: string; signal: AbortSignal },
  ): AsyncIterable<ProgressMessage>;
  /** Pulls from a registry. @throws with Docker's text when it cannot be reached */
  pull(reference: string, options: { platform?: string; authorization?: string; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  /** Pushes a tag, or every tag of a name without one, with the messages of Docker's. @throws before the first message: image.not_found, image.platform_mismatch */
  push(reference: string, options: { platform?: Platform | undefined; authorization?: string; signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  /** Makes `busybox` or `debian:<suite>` from the distribution's packages. */
  bootstrap(name: string, options: { signal: AbortSignal }): AsyncIterable<ProgressMessage>;
  /** Keeps layers from going, and adds layers, for as long as it is open. */
  lease(): LayerLease;
  /** Adds an image whose layers are here, and names it. Answers its id. @throws image.invalid_document */
  add(configuration: Buffer, names: readonly ImageReference[]): Promise<string>;
  /** Somebody beside images and containers who wants layers kept: chain ids, asked for anew each time. To be told before `repair`. */
  ownLayers(owner: () => Iterable<string>): void;
  /** Deletes those of these layers, topmost first, that nobody wants any more. */
  releaseLayers(chainIds: readonly string[]): Promise<void>;
  /** Bytes of a layer's files. */
  layerSize(chainId: string): number;
  /** A layer and all below it, topmost first; empty when it is not here. */
  layerChain(chainId: string): string[];
  /** Layers of all images, also of those that `list` leaves out. */
  layersOfImages(): Set<string>;
  /** Diff ids of a layer and all below it, bottom first. @throws layer.not_found */
  diffIds(chainId: string): string[];
  /** A layer's uncompressed archive. @throws layer.not_found */
  layerArchive(chainId: string, signal: AbortSignal): Promise<Readable>;
  /** Opens a making of images from images. */
  derive(): ImageDerivation;
  /** The images that were derived from this one here; undefined: from nothing. */
  stepsFrom(base: string | undefined): DerivedStep[];
  /** An image and all that were derived from it here. */
  family(id: string): ReadonlySet<string>;
  /** Where the configuration file of an image lies, or would. */
  configurationPath(id: string): string;
  /** Author of an image. @throws image.not_found */
  authorOf(id: string): string;
  /** Bytes of all layers, each counted once. */
  layersSize(): Promise<number>;
  /** Every path below the data root that belongs to images, layers and blobs, though it need not be there. */
  ownedPaths(): OwnedPath[];
  /** Images, layers and blobs that are not whole; `deep`: by their digests, too. */
  damaged(options: { deep: boolean; signal: AbortSignal }): AsyncIterable<DamagedObject>;
  /** Blobs and parts of blobs that wait for a transfer to be repeated. */
  unfinished(): { digest: string; bytes: number; modified: number; complete: boolean }[];
  /** Removes what a crash left half-made. Called once before serving. */
  repair(): Promise<void>;
}

/** A file, or a directory with all in it, that has an owner. */
export interface OwnedPath {
  /** Absolute. */
  readonly path: string;
  /** `layer`, `content`, `container` and the like. */
  readonly kind: string;
  readonly owner: string;
}

export interface FileChange {
  readonly kind: 'modified' | 'added' | 'deleted';
  readonly path: string;
}

export interface SnapshotOptions {
  /** To look at its files; what every container gets is left out, where there are layers. */
  readonly plain?: boolean;
  /** Mounted with its owners as a container with users of its own has them on the host. */
  readonly remapped?: boolean;
  /** Bytes that its own layer may take, as {@link Snapshotter.limitOf} answers; undefined: no limit. */
  readonly limit?: number | undefined;
}

/** A layer's archive of what a container changed. */
export interface ChangesArchive {
  readonly bytes: Readable;
  /** What its whiteouts remove, one character per byte; other files in it may have names of whiteouts, too. */
  readonly removed: readonly string[];
}

/** Makes, mounts and removes the file systems of containers. Keys are container ids. */
export interface Snapshotter {
  readonly driver: 'overlay2' | 'fuse-overlayfs' | 'vfs';
  /** Allocates a writable layer over the image's top layer (undefined: over nothing). */
  create(id: string, topLayer: string | undefined, options?: SnapshotOptions): Promise<void>;
  /** What `--storage-opt` asks for, or the daemon's configuration. @throws snapshot.option_refused with Docker's texts of this driver */
  limitOf(options: Readonly<Record<string, string>>): number | undefined;
  /** Mounts it and answers the path of its root. Mounting what is mounted answers the same path. */
  mount(id: string): Promise<string>;
  /** Drops the mount; without effect when there is none. */
  unmount(id: string): Promise<void>;
  /** Unmounts and deletes; without effect when unknown. */
  remove(id: string): Promise<void>;
  describe(id: string): GraphDriverData;
  /** Bytes in the writable layer, and bytes of everything under it. */
  usage(id: string): Promise<{ writable: number; total: number }>;
  /** What the container changed against its image and the files every container gets, with Docker's rules; a directory before what is in it. Paths are absolute, one character per byte. */
  changes(id: string): Promise<readonly FileChange[]>;
  /** A layer's archive of what {@link changes} tells, and of unchanged names of files that have a changed one. Must be read to its end or destroyed before the snapshot is removed. */
  archiveChanges(id: string): Promise<ChangesArchive>;
  /** An archive of what lies at a path in the mounted file system, links followed inside it, and below, named as asked for; empty when there is nothing. */
  archivePath(id: string, path: string): Promise<Readable>;
  /** Every path below the data root that belongs to snapshots, though it need not be there. */
  ownedPaths(): OwnedPath[];
  /** Whether this path is mounted now, read from the kernel. */
  isMounted(id: string): boolean;
  /** Removes writable layers of containers not in `known`, and mounts of those not in `running`. */
  repair(known: ReadonlySet<string>, running: ReadonlySet<string>): Promise<void>;
}
