/**
 * Directories of clients, received file by file (fsutil's protocol). Contents stay in one growing file for each
 * place that directories come from, so that the next build is sent only what changed; a tree is made of entries
 * that point into it. What is in the file already never changes, so trees of other builds stay whole.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { SourceTree } from '#build/source-tree.ts';
import type { OwnedPath } from '#image/contract.ts';
import type { EncodedPacketStream, MessageStream } from './build-session.ts';
import { KeptTrees, leavePlace, shareSpool, type ContextPlace } from './context-place.ts';
import { receivePacked, type ReceiveOptions } from './packed-receiver.ts';
import { receivePackets } from './packet-receiver.ts';

/** Bytes that may lie unused in a place before it is begun anew. */
const mostUnused = 64 * 1024 * 1024;

export class ContextStore implements AsyncDisposable {
  readonly #directory: string;
  readonly #places = new Map<string, ContextPlace>();
  readonly #trees = new KeptTrees();
  readonly #mutex = new KeyedMutex();

  /** @param directory of this store's own; emptied */
  constructor(directory: string) {
    this.#directory = directory;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /**
   * Receives a directory. `key`: where it comes from; of what came from there before only what changed is asked for.
   * @param onProgress told the bytes received so far
   * @throws build.session_failed when the client breaks the protocol
   */
  async receive(key: string, stream: EncodedPacketStream, options: ReceiveOptions): Promise<SourceTree> {
    using _held = await this.#mutex.acquire(key, options.signal);
    const place = await this.#place(key);
    const root = await receivePackets(place, { stream, trees: this.#trees, ...options });
    return SourceTree.over(root, shareSpool(place));
  }

  /** The same as our own client sends it. */
  async receivePacked(key: string, stream: MessageStream, options: ReceiveOptions): Promise<SourceTree> {
    using _held = await this.#mutex.acquire(key, options.signal);
    const place = await this.#place(key);
    const root = await receivePacked(place, { stream, trees: this.#trees, ...options });
    return SourceTree.over(root, shareSpool(place));
  }

  /** Bytes on disk. */
  size(): number {
    return [...this.#places.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** The files of what was received. */
  ownedPaths(): OwnedPath[] {
    return [...this.#places].map(([key, { path }]) => ({ path, kind: 'build', owner: key }));
  }

  /** Forgets what was received, as far as no build reads it. */
  async clear(): Promise<void> {
    for (const key of [...this.#places.keys()]) {
      using _held = await this.#mutex.acquire(key);
      await this.#drop(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
  }

  async #place(key: string): Promise<ContextPlace> {
    const present = this.#places.get(key);
    if (present !== undefined && present.length - present.live <= Math.max(mostUnused, present.live)) return present;
    if (present !== undefined) await this.#drop(key);
    const path = join(this.#directory, newIdentifier());
    const place: ContextPlace = { path, spool: await open(path, 'wx+', 0o600), users: 1, length: 0, live: 0, files: new Map() };
    this.#places.set(key, place);
    return place;
  }

  /** Trees that are open keep what they need: the file goes with the last of them. */
  async #drop(key: string): Promise<void> {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    this.#trees.drop(place.path);
    await leavePlace(place);
    await rm(place.path, { force: true });
  }
}
