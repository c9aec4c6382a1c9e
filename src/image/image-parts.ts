/** What the operations of the image store work with. */
import type { KeyedMutex } from '#base/keyed-mutex.ts';
import type { ContentStore } from '#store/content/contract.ts';
import type { ImageEventListener } from './contract.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { LayerStore } from './layer/contract.ts';
import type { LayerKeeper } from './layer-keeper.ts';
import type { ContentKeeper } from './manifests/content-keeper.ts';
import type { ManifestCatalog } from './manifests/manifest-catalog.ts';
import type { Settlement } from './settlement.ts';
import type { Slots } from './slots.ts';
import type { Workspace } from './workspace.ts';

export interface ImageParts {
  readonly catalog: ImageCatalog;
  readonly layers: LayerStore;
  readonly keeper: LayerKeeper;
  /** Blobs as registries have them: manifests, configurations, compressed layers. */
  readonly content: ContentStore;
  readonly blobs: ContentKeeper;
  /** Which of them describe which image. */
  readonly manifests: ManifestCatalog;
  /** Places for downloads, of all pulls together. */
  readonly downloads: Slots;
  /** Places for unpacking layers of pulls. */
  readonly unpackings: Slots;
  /** Held by chain id while a pull makes the layer. */
  readonly making: KeyedMutex;
  readonly settlement: Settlement;
  /** Temporary files of operations under way. */
  readonly workspace: Workspace;
  readonly onEvent: ImageEventListener;
  /** As images of our making name it. */
  readonly engineVersion: string;
}

/** Reports an event of an image with its labels, as Docker does; `name` is what the event is about. */
export function reportEvent(parts: Pick<ImageParts, 'catalog' | 'onEvent'>, event: { action: string; id: string; imageId: string; name: string }): void {
  const labels = parts.catalog.has(event.imageId) ? parts.catalog.get(event.imageId).configuration.config?.Labels : null;
  parts.onEvent({ action: event.action, id: event.id, attributes: { ...labels, name: event.name } });
}
