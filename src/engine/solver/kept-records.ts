/** What builds keep: layers of steps and directories of mounts, listed, pruned and collected by the budget. */
import { statfsSync } from 'node:fs';
import { messageOf } from '#base/errors/failure.ts';
import { parseTimestamp } from '#base/timestamp.ts';
import type { EngineParts } from '../containers/engine-parts.ts';
import type { BuildCache } from './build-cache.ts';
import { shownId, type CacheDirectories } from './cache-directories.ts';
import { allowance, collectionRules, type CollectionRule, type DiskSpace } from './collection-rules.ts';
import type { PruneChoice } from './contract.ts';
import { chooseUsage, idOf, type UsageEntry } from './usage-records.ts';

/** Milliseconds after a build before its cache is collected. */
const restBetweenCollections = 2000;

export class KeptRecords {
  readonly #parts: Pick<EngineParts, 'images' | 'configuration' | 'paths' | 'log'>;
  readonly #cache: BuildCache;
  readonly #caches: CacheDirectories;
  #collecting = false;

  constructor(parts: Pick<EngineParts, 'images' | 'configuration' | 'paths' | 'log'>, { cache, caches }: { cache: BuildCache; caches: CacheDirectories }) {
    this.#parts = parts;
    this.#cache = cache;
    this.#caches = caches;
  }

  async entries(): Promise<UsageEntry[]> {
    const inImages = this.#parts.images.layersOfImages();
    const kept = this.#cache.list((chainId) => inImages.has(chainId));
    const byLayer = new Map(kept.map(({ chainId, key }) => [chainId, key]));
    const layers = kept.map((entry): UsageEntry => {
      const below = entry.base === undefined ? undefined : byLayer.get(entry.base);
      return { ...entry, place: 'layer', mutable: false, parents: below === undefined || below === entry.key ? [] : [idOf({ key: below })] };
    });
    const directories = (await this.#caches.list()).map(
      ({ name, id, created, lastUsed, uses, size, inUse }): UsageEntry => ({
        place: 'directory', key: name, description: `cached mount ${shownId(id)} from exec`, type: 'exec.cachemount', created, lastUsed, uses, size, inUse, shared: false, mutable: true, parents: [],
      }),
    );
    return [...layers, ...directories];
  }

  /** Deletes what a choice means. Answers what is gone. */
  async prune(choice: PruneChoice): Promise<UsageEntry[]> {
    const going = this.#choose(choice, await this.entries());
    await this.#remove(going);
    return going;
  }

  /** What of the cache may stay. */
  rules(): readonly CollectionRule[] {
    return collectionRules(this.#parts.configuration.current.cacheCollection, this.#disk());
  }

  #disk(): DiskSpace {
    const { blocks, bavail, bsize } = statfsSync(this.#parts.paths.dataRoot);
    return { total: blocks * bsize, free: bavail * bsize };
  }

  /** Drops what the rules do not let stay, soon: builds that follow one another are collected after once. */
  collectSoon(): void {
    if (this.#collecting) return;
    this.#collecting = true;
    setTimeout(() => {
      this.#collect().then(
        () => (this.#collecting = false),
        (error: unknown) => {
          this.#collecting = false;
          this.#parts.log('warning', `the build cache could not be collected: ${messageOf(error)}`);
        },
      );
    }, restBetweenCollections).unref();
  }

  async #collect(): Promise<void> {
    const rules = this.rules();
    let entries = rules.length === 0 ? [] : await this.entries();
    for (const rule of rules) {
      const going = new Set(this.#choose(rule, entries));
      if (going.size === 0) continue;
      await this.#remove([...going]);
      entries = entries.filter((entry) => !going.has(entry));
      this.#parts.log('info', `of the build cache ${going.size} records were collected`);
    }
  }

  /** What of these a rule does not let stay, the longest unused first. */
  #choose({ all, filters, keepDuration, ...spaces }: PruneChoice, kept: readonly UsageEntry[]): UsageEntry[] {
    const entries = chooseUsage(kept, { filters }).filter(({ inUse, shared, type }) => !inUse && (all || (!shared && type !== 'internal')));
    const oldest = BigInt(Date.now()) * 1_000_000n - BigInt(keepDuration);
    const old = entries.filter(({ lastUsed }) => keepDuration === 0 || (parseTimestamp(lastUsed) ?? 0n) < oldest).sort((a, b) => (a.lastUsed < b.lastUsed ? -1 : 1));
    // What images have, too, takes no more for being kept here.
    let total = entries.reduce((sum, { size, shared }) => sum + (shared ? 0 : size), 0);
    const allowed = allowance(spaces, total, this.#disk());
    if (allowed === undefined) return old;
    return old.filter(({ shared, size }) => {
      if (shared || total <= allowed) return false;
      total -= size;
      return true;
    });
  }

  async #remove(entries: readonly UsageEntry[]): Promise<void> {
    await this.#cache.remove(entries.flatMap(({ place, key }) => (place === 'layer' ? [key] : [])));
    await this.#caches.remove(entries.flatMap(({ place, key }) => (place === 'directory' ? [key] : [])));
  }
}
