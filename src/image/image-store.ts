/**
 * The image store: images by id and name, over a layer store. Facts are rows of the state database and
 * configuration files; an operation that fails or is cut short leaves what was there before.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { platformOf } from '#oci/image-configuration.ts';
import type { Platform } from '#oci/platform.ts';
import { familiarText, parseAnyReference } from '#oci/reference.ts';
import type { RegistryConfiguration } from '#registry/endpoints.ts';
import type { GraphDriverData } from '#schema/container-config.ts';
import { createContentStore } from '#store/content/content-store.ts';
import type { StateDatabase } from '#store/state-database.ts';
import { bootstrapImage } from './bootstrap/bootstrap-image.ts';
import type { Image, ImageEventListener, ImageStore, ImageUser } from './contract.ts';
import { imageHistory, inspectImage, originOf, splitNames } from './describe-image.ts';
import { ImageCatalog, type CatalogImage } from './image-catalog.ts';
import { reportEvent, type ImageParts } from './image-parts.ts';
import { importImage } from './import-image/import-image.ts';
import type { LayerStore } from './layer/contract.ts';
import { openDerivation } from './derive/image-derivation.ts';
import { StoredBlobExchange } from './exchange/blob-exchange.ts';
import { DerivedSteps } from './derive/derived-steps.ts';
import { LayerPaths } from './layer/layer-paths.ts';
import { LayerKeeper } from './layer-keeper.ts';
import { indexMembers } from './index-members.ts';
import { listImages } from './list-images.ts';
import { loadImages } from './load/load-images.ts';
import { ContentKeeper } from './manifests/content-keeper.ts';
import { resolveForPlatform } from './manifests/find-platform.ts';
import { ManifestCatalog } from './manifests/manifest-catalog.ts';
import { streamProgress } from './progress/progress-stream.ts';
import { pushImage } from './push/push-image.ts';
import { pullImage } from './pull/pull-image.ts';
import { pruneImages, removeImage, type RemovalParts } from './remove-images.ts';
import { RemovedImages } from './removed-images.ts';
import { resolveImage } from './resolve-image.ts';
import { saveImages } from './save/save-images.ts';
import { Settlement } from './settlement.ts';
import { Slots } from './slots.ts';
import { damagedObjects } from './storage/damaged-objects.ts';
import { ownedPaths } from './storage/owned-paths.ts';
import { targetName } from './target-name.ts';
import { Workspace } from './workspace.ts';

export interface ImageStoreOptions {
  /** Shared with the layer store; the image store's own files lie below `image`. */
  readonly dataRoot: string;
  readonly database: StateDatabase;
  readonly layers: LayerStore;
  readonly onEvent: ImageEventListener;
  readonly registry?: RegistryConfiguration;
  /** `DockerVersion` of images made here, and what registries are told. */
  readonly engineVersion?: string;
  /** As `inspect` tells; `overlay2` unless given. */
  readonly driver?: 'overlay2' | 'fuse-overlayfs' | 'vfs';
  /** Asked whenever it matters. Unless given: 3 downloads and 5 uploads at once, of all pulls and pushes together, and 5 attempts at each. */
  readonly transfers?: { readonly concurrentDownloads: number; readonly concurrentUploads: number; readonly downloadAttempts: number };
  /** Milliseconds that count as a second between attempts at a download. */
  readonly retryUnit?: number;
}

const oneSecond = 1000;

/** Opens the store, making its directories. Call `repair` before serving. */
export function createImageStore(options: ImageStoreOptions): ImageStore {
  const { database, layers, onEvent, dataRoot } = options;
  const transfers = options.transfers ?? { concurrentDownloads: 3, concurrentUploads: 5, downloadAttempts: 5 };
  const configurations = join(dataRoot, 'image/overlay2/imagedb/content/sha256');
  const catalog = new ImageCatalog(database, configurations);
  const removed = new RemovedImages(database);
  const owners: (() => Iterable<string>)[] = [];
  const derived = new DerivedSteps(catalog);
  const usedLayers = (): Set<string> => new Set([...catalog.all().flatMap(({ chain }) => chain), ...removed.layers(), ...owners.flatMap((owner) => [...owner()])]);
  const keeper = new LayerKeeper(layers, usedLayers);
  const settlement = new Settlement({ directories: [dataRoot, join(dataRoot, 'content'), new LayerPaths(dataRoot).home], names: configurations, database });
  const workspace = new Workspace(join(dataRoot, 'tmp'));
  const content = createContentStore({ dataRoot });
  const manifests = new ManifestCatalog(database, content, catalog);
  const blobs = new ContentKeeper(content, manifests);
  const parts: ImageParts = {
    catalog,
    layers,
    keeper,
    content,
    blobs,
    manifests,
    downloads: new Slots(() => transfers.concurrentDownloads),
    // Two inflate and wait for the disk by turns. More would have a heap each, and wait for what is brought.
    unpackings: new Slots(() => Math.min(2, availableParallelism())),
    making: new KeyedMutex(),
    settlement,
    workspace,
    onEvent,
    engineVersion: options.engineVersion ?? '28.5.2',
  };
  let imagesWent = false;
  const removal: RemovalParts = {
    catalog,
    members: () => indexMembers(catalog, manifests),
    discard: (id, used) => {
      const chain = catalog.get(id).chain.toReversed();
      imagesWent = true;
      // What a container runs on stays until it is gone, too.
      catalog.remove(id, () => {
        if (used) removed.remember(id, chain);
      });
      return keeper.doom(chain);
    },
    report: (action, id) => reportEvent(parts, { action, id, imageId: id, name: id }),
  };
  const collect = async (users: (imageId: string) => ImageUser[]): Promise<void> => {
    keeper.doom(removed.release((id) => users(id).length === 0));
    if (imagesWent) blobs.collectUnused();
    imagesWent = false;
    await keeper.settle();
  };
  const find = (reference: string, platform: Platform | undefined): CatalogImage =>
    catalog.get(platform === undefined ? resolveImage(catalog, reference) : resolveForPlatform(parts, reference, platform));
  const uploads = new Slots(() => transfers.concurrentUploads);
  let pruning = false;
  return {
    resolve: (reference, platform) => imageOf(find(reference, platform)),
    namesOf: (id) => splitNames(catalog.names(id)),
    list: async (listing) => await Promise.resolve(listImages(parts, listing)),
    inspect: async (reference, { platform, origin = false } = {}) => {
      const image = find(reference, platform);
      const described = inspectImage(image, { names: catalog.names(image.id), layers, graphDriver: graphDriver(options, image) });
      return origin ? { ...described, ...originOf(await catalog.configurationBytes(image.id)) } : described;
    },
    history: async (reference, platform) => await Promise.resolve(imageHistory(find(reference, platform), catalog, layers)),
    tag: (reference, repository, tag) => {
      const name = targetName(repository, tag);
      const id = resolveImage(catalog, reference);
      const source = parseAnyReference(reference);
      // By an id, or the beginning of one, no name is meant.
      catalog.tag(id, name, source.kind === 'name' && catalog.lookup(source.name) === id ? catalog.targetOf(source.name) : undefined);
      reportEvent(parts, { action: 'tag', id, imageId: id, name: familiarText(name) });
    },
    settled: async ({ files }) => {
      if (files) await settlement.files();
      await settlement.rows();
    },
    remove: async (reference, { users, platform, ...choice }) => {
      if (platform !== undefined) find(reference, platform);
      const entries = removeImage(removal, reference, { ...choice, users });
      await collect(users);
      return entries;
    },
    prune: async ({ filters, users }) => {
      if (pruning) throw fail('image.prune_running');
      pruning = true;
      try {
        const sizes = new Map(layers.list().map((layer) => [layer.chainId, layer.size]));
        const entries = pruneImages(removal, { filters, users });
        await collect(users);
        const layersGone = entries.reduce((sum, entry) => sum + ('Deleted' in entry ? (sizes.get(entry.Deleted) ?? 0) : 0), 0);
        // What waits to be taken up again is unused, too.
        const waiting = blobs.collectAll();
        const reclaimed = [...waiting.blobs, ...waiting.partials].reduce((sum, { size }) => sum + size, layersGone);
        onEvent({ action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
        return { ImagesDeleted: entries.length === 0 ? null : entries, SpaceReclaimed: reclaimed };
      } finally {
        pruning = false;
      }
    },
    collect,
    load: (archive, { signal, ...choice }) => streamProgress(async (report, stop) => await loadImages(parts, archive, { ...choice, report, signal: stop }), signal),
    save: async (references, choice) => await saveImages(parts, references, choice),
    import: (archive, importing) =>
      streamProgress(async (report, stop) => report({ status: await importImage(parts, archive, { ...importing, proxies: options.registry?.proxies, report, signal: stop }) }), importing.signal),
    pull: (reference, { platform = '', authorization = '', signal }) =>
      streamProgress(
        async (report, stop) =>
          await pullImage(parts, reference, { platform, authorization, registry: options.registry ?? {}, retry: { unit: options.retryUnit ?? oneSecond, attempts: transfers.downloadAttempts }, report, signal: stop }),
        signal,
      ),
    push: (reference, { platform, authorization = '', signal }) =>
      streamProgress(
        async (report, stop) =>
          await pushImage(parts, reference, { platform, authorization, registry: options.registry ?? {}, retry: { unit: options.retryUnit ?? oneSecond, attempts: transfers.downloadAttempts }, slots: uploads, report, signal: stop }),
        signal,
      ),
    bootstrap: (name, { signal }) => streamProgress(async (report, stop) => await bootstrapImage(parts, name, { report, signal: stop }), signal),
    lease: () => keeper.lease(),
    exchange: () => new StoredBlobExchange(parts, { registry: options.registry ?? {} }),
    add: async (configuration, names) => {
      const [id = ''] = await catalog.add([{ configuration, names, tagged: names.length > 0 }]);
      return id;
    },
    ownLayers: (owner) => void owners.push(owner),
    releaseLayers: async (chainIds) => {
      keeper.doom(chainIds);
      await keeper.settle();
    },
    layerSize: (chainId) => layers.get(chainId)?.size ?? 0,
    layerChain: (chainId) => chainOf(layers, chainId),
    layersOfImages: () => new Set(catalog.all().flatMap(({ chain }) => chain)),
    diffIds: (chainId) => {
      const chain = chainOf(layers, chainId);
      if (chain.length === 0) throw fail('layer.not_found', { chainId });
      return chain.map((id) => layers.get(id)?.diffId ?? '').reverse();
    },
    layerArchive: async (chainId, signal) => await layers.tarStream(chainId, { signal }),
    derive: () => openDerivation(parts),
    stepsFrom: (base) => derived.from(base),
    family: (id) => familyOf(catalog, id),
    configurationPath: (id) => catalog.configurationPath(id),
    authorOf: (id) => catalog.get(id).configuration.author,
    layersSize: async () => await Promise.resolve(layers.list().reduce((sum, layer) => sum + layer.size, 0)),
    ownedPaths: () => ownedPaths(parts, dataRoot),
    damaged: (check) => damagedObjects(parts, dataRoot, check),
    unfinished: () => [
      ...blobs.unowned().map(({ digest, size, modified }) => ({ digest, bytes: size, modified, complete: true })),
      ...content.partials().map(({ target, size, modified }) => ({ digest: 'digest' in target ? target.digest : target.session, bytes: size, modified, complete: false })),
    ],
    repair: async () => {
      await layers.repair();
      workspace.clear();
      catalog.repair((chainId) => layers.get(chainId) !== undefined);
      keeper.doom(topmostFirst(layers));
      content.repair();
      blobs.collectOld();
      await keeper.settle();
    },
  };
}

/** A layer and all below it, topmost first. A layer that is here has its parents here. */
function chainOf(layers: LayerStore, chainId: string): string[] {
  const chain: string[] = [];
  for (let next: string | undefined = chainId; next !== undefined; next = layers.get(next)?.parent) if (layers.get(next) !== undefined) chain.push(next);
  return chain;
}

function familyOf(catalog: ImageCatalog, id: string): Set<string> {
  const family = new Set([id]);
  // What is added while a set is walked is walked, too.
  for (const member of family) for (const child of catalog.children(member)) family.add(child);
  return family;
}

function imageOf({ id, configuration, chain }: CatalogImage): Image {
  const platform = platformOf(configuration);
  return {
    id,
    config: configuration.config ?? {},
    os: platform.os,
    architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    topLayer: chain.at(-1),
    layers: configuration.diffIds,
  };
}

function graphDriver({ layers, dataRoot, driver = 'overlay2' }: ImageStoreOptions, { chain }: CatalogImage): GraphDriverData {
  const top = chain.at(-1);
  if (top === undefined || driver === 'vfs') return { Data: null, Name: driver };
  const [upper = '', ...lower] = layers.directories(top).map(({ name }) => `${dataRoot}/overlay2/${name}`);
  return {
    Data: {
      ...(lower.length === 0 ? {} : { LowerDir: lower.map((directory) => `${directory}/diff`).join(':') }),
      MergedDir: `${upper}/merged`,
      UpperDir: `${upper}/diff`,
      WorkDir: `${upper}/work`,
    },
    Name: driver,
  };
}

/** Every layer before the one it lies on. */
function topmostFirst(layers: LayerStore): string[] {
  const height = (chainId: string | undefined): number => (chainId === undefined ? 0 : 1 + height(layers.get(chainId)?.parent));
  return layers
    .list()
    .map(({ chainId }) => ({ chainId, height: height(chainId) }))
    .sort((a, b) => b.height - a.height)
    .map(({ chainId }) => chainId);
}
