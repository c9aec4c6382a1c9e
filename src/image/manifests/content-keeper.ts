/**
 * Decides when a blob may go: when no image has it and no operation under way holds it. What an operation that
 * was cut short brought stays for a day, so that its repetition need not bring it again.
 */
import type { BlobInfo, ContentLease, ContentStore, PartialBlob } from '#store/content/contract.ts';
import type { ManifestCatalog } from './manifest-catalog.ts';

/** How long what nobody owns waits to be taken up again. */
const patience = 24 * 3600 * 1000;

/** What an operation under way needs of blobs. Disposed, what it held and nobody owns goes. */
export interface BlobLease extends ContentLease {
  /** Lets what it held stay for a later attempt, instead. */
  leave(): void;
}

export class ContentKeeper {
  readonly #content: ContentStore;
  readonly #manifests: ManifestCatalog;

  constructor(content: ContentStore, manifests: ManifestCatalog) {
    this.#content = content;
    this.#manifests = manifests;
  }

  lease(): BlobLease {
    const lease = this.#content.lease();
    let left = false;
    return {
      digests: lease.digests,
      hold: (digest) => lease.hold(digest),
      leave: () => (left = true),
      [Symbol.dispose]: () => {
        lease[Symbol.dispose]();
        if (!left) this.#collect(lease.digests);
      },
    };
  }

  /** To be called when images went: their manifests and blobs go, too. */
  collectUnused(): void {
    const digests = this.#manifests.forgetUnused();
    if (digests.length > 0) this.#collect(digests);
  }

  /** Removes what has waited for a later attempt for longer than a day. */
  collectOld(): void {
    const newest = Date.now() - patience;
    this.#manifests.forgetUnused();
    this.#collect(this.unowned().filter(({ modified }) => modified < newest).map(({ digest }) => digest));
    this.#content.dropPartials({ unusedFor: patience });
  }

  /** Removes all that waits for a later attempt. @returns what went */
  collectAll(): { blobs: BlobInfo[]; partials: PartialBlob[] } {
    this.#manifests.forgetUnused();
    const owned = this.#manifests.owned();
    return { blobs: this.#content.collect(undefined, (digest) => owned.has(digest)), partials: this.#content.dropPartials({ unusedFor: 0 }) };
  }

  /** Blobs that no image has. */
  unowned(): BlobInfo[] {
    const owned = this.#manifests.owned();
    return this.#content.list().filter(({ digest }) => !owned.has(digest));
  }

  #collect(digests: Iterable<string>): void {
    const owned = this.#manifests.owned();
    this.#content.collect(digests, (digest) => owned.has(digest));
  }
}
