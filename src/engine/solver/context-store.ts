/**
 * Directories of clients, received file by file (fsutil's protocol). Contents stay in one growing file for each
 * place that directories come from, so that the next build is sent only what changed; a tree is made of entries
 * that point into it. What is in the file already never changes, so trees of other builds stay whole.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '#base/errors/failure.ts';
import { newIdentifier } from '#base/identifier.ts';
import { KeyedMutex } from '#base/keyed-mutex.ts';
import { SpoolWriter } from '#build/spool-writer.ts';
import { directoryNode, makeDirectories, SourceTree, type SourceNode } from '#build/source-tree.ts';
import type { OwnedPath } from '#image/contract.ts';
import { packetTypes, type Packet, type Stat } from '#schema/buildkit/file-sync-messages.ts';
import type { MessageStream, PacketStream } from './build-session.ts';
import { KeptTrees, leavePlace, mostEntries, shareSpool, type ContextPlace } from './context-place.ts';
import { receivePacked, type ReceiveOptions } from './packed-receiver.ts';
import { nodeOfStat } from './stat-node.ts';

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
  async receive(key: string, stream: PacketStream, options: ReceiveOptions): Promise<SourceTree> {
    using _held = await this.#mutex.acquire(key, options.signal);
    const place = await this.#place(key);
    const receiver = new Receiver(place, stream, options);
    const root = await receiver.run();
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

interface Transfer {
  readonly stat: Stat;
  readonly offset: number;
  readonly settle: (node: { size: number; digest: string }) => void;
  readonly hash: ReturnType<typeof createHash>;
  received: number;
}

/** One directory on its way. */
class Receiver {
  readonly #place: ContextPlace;
  readonly #stream: PacketStream;
  readonly #options: ReceiveOptions;
  readonly #root = directoryNode();
  readonly #writer: SpoolWriter;
  readonly #nodes = new Map<string, SourceNode>();
  readonly #transfers = new Map<number, Transfer>();
  /** Other names of files that are on their way, by path. */
  readonly #links = new Map<string, ((node: SourceNode) => void)[]>();
  #entries = 0;
  #listed = false;
  #bytes = 0;

  constructor(place: ContextPlace, stream: PacketStream, options: ReceiveOptions) {
    this.#place = place;
    this.#stream = stream;
    this.#options = options;
    this.#writer = new SpoolWriter(place.spool);
  }

  async run(): Promise<SourceNode> {
    let finished = false;
    let thanked = false;
    for await (const packet of this.#stream.packets) {
      this.#options.signal.throwIfAborted();
      if (packet.type === packetTypes.error) throw fail('build.session_failed', { message: packet.data.toString('utf8') });
      if (packet.type === packetTypes.finish) {
        finished = true;
        break;
      }
      if (packet.type === packetTypes.stat) {
        const asking = this.#entry(packet.stat);
        if (asking !== undefined) await asking;
      }
      else if (packet.type === packetTypes.data) await this.#data(packet);
      if (this.#listed && this.#transfers.size === 0 && !thanked) {
        thanked = true;
        await this.#stream.send({ type: packetTypes.finish });
      }
    }
    this.#options.signal.throwIfAborted();
    if (!finished || !this.#listed || this.#transfers.size > 0) throw fail('build.session_failed', { message: 'the client stopped sending its files' });
    this.#stream.end();
    await this.#writer.flush();
    return this.#root;
  }

  /** Answers what to wait for; undefined: nothing. */
  #entry(stat: Stat | undefined): Promise<void> | undefined {
    if (stat === undefined || stat.path === '') {
      this.#listed = true;
      return;
    }
    const id = this.#entries++;
    if (id >= mostEntries) throw fail('build.session_failed', { message: `the directory has more than ${mostEntries} entries` });
    const parts = partsOf(stat.path);
    const name = parts.pop();
    if (name === undefined) return;
    this.#advance(stat.path.length + 24);
    const parent = makeDirectories(this.#root, parts);
    const path = [...parts, name].join('/');
    const place = (node: SourceNode): undefined => {
      parent.children.set(name, node);
      this.#nodes.set(path, node);
    };
    const draft = nodeOfStat(stat);
    if (draft === undefined) return;
    if (draft.kind !== 'file') return place(draft);
    if (stat.linkName !== '') {
      const first = partsOf(stat.linkName).join('/');
      const target = this.#nodes.get(first);
      const waiting = this.#links.get(first);
      if (target === undefined && waiting !== undefined) {
        waiting.push(place);
        return;
      }
      if (target === undefined) throw fail('build.session_failed', { message: `the hard link ${stat.path} leads to ${stat.linkName}, which was not sent` });
      return place(target);
    }
    const known = this.#place.files.get(path);
    const stamp = `${stat.size} ${stat.modified} ${stat.mode}`;
    if (known?.stamp === stamp) {
      return place({ ...draft, offset: known.offset, digest: known.digest });
    }
    const offset = this.#place.length;
    this.#place.length += stat.size;
    const settle = ({ size, digest }: { size: number; digest: string }): void => {
      const node: SourceNode = { ...draft, size, offset, digest };
      for (const placeOne of [place, ...(this.#links.get(path) ?? [])]) placeOne(node);
      this.#place.live += size - (this.#place.files.get(path)?.size ?? 0);
      this.#place.files.set(path, { stamp, size, offset, digest });
    };
    this.#links.set(path, []);
    this.#transfers.set(id, { stat, offset, settle, hash: createHash('sha256'), received: 0 });
    return this.#stream.send({ type: packetTypes.request, id });
  }

  async #data({ id, data }: Packet): Promise<void> {
    const transfer = this.#transfers.get(id);
    if (transfer === undefined) throw fail('build.session_failed', { message: `the client sent file ${id}, which was not asked for` });
    if (data.length === 0) {
      transfer.settle({ size: transfer.received, digest: transfer.hash.digest('hex') });
      this.#transfers.delete(id);
      return;
    }
    if (transfer.received + data.length > transfer.stat.size) throw fail('build.session_failed', { message: `${transfer.stat.path} grew while it was being sent` });
    transfer.hash.update(data);
    await this.#writer.add(data, transfer.offset + transfer.received);
    transfer.received += data.length;
    this.#advance(data.length);
  }

  #advance(bytes: number): void {
    this.#bytes += bytes;
    this.#options.onProgress(this.#bytes);
  }
}

/** @throws build.session_failed for a path that leads out */
function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || path.includes('\0')) throw fail('build.session_failed', { message: `the client sent the path ${JSON.stringify(path)}, which leads out of its directory` });
  return parts;
}
