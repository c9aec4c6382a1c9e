/**
 * Receives a directory file by file (fsutil's protocol). A listing is kept as it comes, still encoded, until it is known
 * whether it was there before: then its tree is the one that was made, and nothing is decoded nor asked for.
 */
import { createHash, type Hash } from 'node:crypto';
import { SpoolWriter } from '#build/spool-writer.ts';
import { directoryNode, makeDirectories, type SourceNode } from '#build/source-tree.ts';
import { Packet, packetTypes, type Stat } from '#schema/buildkit/file-sync-messages.ts';
import type { EncodedPacketStream } from './build-session.ts';
import { broken, receiving } from './client-fault.ts';
import { mostEntries, mostHeld, noteFile, type ContextPlace, type KeptTrees } from './context-place.ts';
import { ListingDigest } from './listing-digest.ts';
import type { ReceiveOptions } from './packed-receiver.ts';
import { nodeOfStat } from './stat-node.ts';

export interface PacketOptions extends ReceiveOptions {
  readonly stream: EncodedPacketStream;
  readonly trees: KeptTrees;
}

/** What a packet of an entry begins with: its field of that number, as type 0 is not written. */
const entryTag = (2 << 3) | 2;

interface Transfer {
  readonly stat: Stat;
  readonly offset: number;
  readonly settle: (node: { size: number; digest: string }) => void;
  readonly hash: Hash;
  received: number;
}

/** @throws build.session_failed when the client breaks the protocol */
export async function receivePackets(place: ContextPlace, options: PacketOptions): Promise<SourceNode> {
  return await receiving(async () => await new PacketReceiver(place, options).run());
}

class PacketReceiver {
  readonly #place: ContextPlace;
  readonly #options: PacketOptions;
  readonly #root = directoryNode();
  readonly #writer: SpoolWriter;
  readonly #nodes = new Map<string, SourceNode>();
  readonly #transfers = new Map<number, Transfer>();
  /** Other names of files that are on their way, by path. */
  readonly #links = new Map<string, ((node: SourceNode) => void)[]>();
  readonly #digest = new ListingDigest();
  /** Entries that are not looked at yet; undefined: they are read as they come. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #listing: string | undefined;
  /** The tree of the same listing. */
  #known: SourceNode | undefined;
  #finished = false;
  #thanked = false;
  #entries = 0;
  #bytes = 0;

  constructor(place: ContextPlace, options: PacketOptions) {
    this.#place = place;
    this.#options = options;
    this.#writer = new SpoolWriter(place.spool);
    // Where nothing is known the first files shall be on their way while the rest is listed.
    this.#held = options.trees.knows(place.path) ? [] : undefined;
  }

  async run(): Promise<SourceNode> {
    const { stream, trees, signal, onProgress } = this.#options;
    for await (const batch of stream.batches) {
      signal.throwIfAborted();
      for (const message of batch) {
        const pending = this.#take(message);
        if (pending !== undefined) await pending;
        if (this.#finished) break;
        this.#bytes += message.length;
        if (this.#listing !== undefined && this.#transfers.size === 0 && !this.#thanked) {
          this.#thanked = true;
          await stream.send({ type: packetTypes.finish });
        }
      }
      onProgress(this.#bytes);
      if (this.#finished) break;
    }
    signal.throwIfAborted();
    if (!this.#finished || this.#listing === undefined || this.#transfers.size > 0) throw broken('the client stopped sending its files');
    stream.end();
    await this.#writer.flush();
    if (this.#known !== undefined) return this.#known;
    trees.keep(this.#place.path, this.#listing, { root: this.#root, entries: this.#entries });
    return this.#root;
  }

  /** Answers what to wait for; undefined: nothing. */
  #take(message: Buffer): Promise<void> | undefined {
    if (this.#held !== undefined && message[0] === entryTag) {
      this.#digest.add(message);
      this.#held.push(message);
      this.#heldBytes += message.length;
      return this.#heldBytes > mostHeld ? this.#readHeld() : undefined;
    }
    const packet = Packet.decode(message);
    if (packet.type === packetTypes.error) throw broken(packet.data.toString('utf8'));
    if (packet.type === packetTypes.finish) this.#finished = true;
    else if (packet.type === packetTypes.data) return this.#data(packet);
    else if (packet.type === packetTypes.stat) {
      if (this.#listing !== undefined) throw broken('the client listed more files after the last');
      if (packet.stat === undefined) return this.#end();
      this.#digest.add(message);
      return this.#held === undefined ? this.#entry(packet.stat) : this.#readHeld(packet.stat);
    }
    return undefined;
  }

  /** The listing is whole. */
  #end(): Promise<void> | undefined {
    this.#listing = this.#digest.finish();
    if (this.#held === undefined) return undefined;
    this.#known = this.#options.trees.find(this.#place.path, this.#listing);
    return this.#known === undefined ? this.#readHeld() : undefined;
  }

  /** Reads what was held back, and `next` after it; from now on entries are read as they come. */
  async #readHeld(next?: Stat): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) {
      const asking = this.#entry(Packet.decode(message).stat);
      if (asking !== undefined) await asking;
    }
    await this.#entry(next);
  }

  /** Answers what to wait for; undefined: nothing. */
  #entry(stat: Stat | undefined): Promise<void> | undefined {
    if (stat === undefined) return;
    const id = this.#entries++;
    if (id >= mostEntries) throw broken(`the directory has more than ${mostEntries} entries`);
    const parts = partsOf(stat.path);
    const name = parts.pop();
    if (name === undefined) return;
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
      if (target === undefined) throw broken(`the hard link ${stat.path} leads to ${stat.linkName}, which was not sent`);
      return place(target);
    }
    if (stat.size < 0) throw broken(`the client sent the size ${stat.size} of ${stat.path}`);
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
      noteFile(this.#place, path, { stamp, size, offset, digest });
    };
    this.#links.set(path, []);
    this.#transfers.set(id, { stat, offset, settle, hash: createHash('sha256'), received: 0 });
    return this.#options.stream.send({ type: packetTypes.request, id });
  }

  async #data({ id, data }: Packet): Promise<void> {
    const transfer = this.#transfers.get(id);
    if (transfer === undefined) throw broken(`the client sent file ${id}, which was not asked for`);
    if (data.length === 0) {
      transfer.settle({ size: transfer.received, digest: transfer.hash.digest('hex') });
      this.#transfers.delete(id);
      return;
    }
    if (transfer.received + data.length > transfer.stat.size) throw broken(`${transfer.stat.path} grew while it was being sent`);
    transfer.hash.update(data);
    await this.#writer.add(data, transfer.offset + transfer.received);
    transfer.received += data.length;
  }
}

/** @throws build.session_failed for a path that leads out */
function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || path.includes('\0')) throw broken(`the client sent the path ${JSON.stringify(path)}, which leads out of its directory`);
  return parts;
}
