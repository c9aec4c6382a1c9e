/** Receives a directory as our own client sends it (schema/buildkit/directory-listing): what was received before costs one comparison. */
import { createHash, hash as hashAtOnce, type Hash } from 'node:crypto';
import { SpoolWriter } from '#build/spool-writer.ts';
import { directoryNode, leafNode, type SourceNode } from '#build/source-tree.ts';
import { directoryMessages, packNumbers, readListing, readPieces, type FilePiece, type ListedEntry } from '#schema/buildkit/directory-listing.ts';
import type { MessageStream } from './build-session.ts';
import { broken, receiving } from './client-fault.ts';
import { mostEntries, mostHeld, noteFile, type ContextPlace, type KeptTrees } from './context-place.ts';

export interface ReceiveOptions {
  readonly signal: AbortSignal;
  /** Told the bytes received so far. */
  readonly onProgress: (bytes: number) => void;
}

export interface PackedOptions extends ReceiveOptions {
  readonly stream: MessageStream;
  readonly trees: KeptTrees;
}

/** Files that are asked for with one message. */
const mostAsked = 16_384;
const billion = 1_000_000_000n;

interface Contents {
  readonly size: number;
  readonly offset: number;
  readonly digest: string;
}

/** A file that is asked for. */
interface Wanted {
  readonly path: string;
  readonly size: number;
  readonly stamp: string;
  readonly offset: number;
  readonly nodeOf: (contents: Contents) => SourceNode;
  /** Under all names it has, which share the node. */
  readonly settle: ((node: SourceNode) => void)[];
  hash: Hash | undefined;
  received: number;
}

/** @throws build.session_failed when the client breaks the protocol */
export async function receivePacked(place: ContextPlace, options: PackedOptions): Promise<SourceNode> {
  return await receiving(async () => await new PackedReceiver(place, options).run());
}

class PackedReceiver {
  readonly #place: ContextPlace;
  readonly #options: PackedOptions;
  readonly #root = directoryNode();
  /** Directories that are open, with their paths. */
  readonly #way: { readonly children: Map<string, SourceNode>; readonly path: string }[] = [{ children: this.#root.children, path: '' }];
  /** By number. */
  readonly #wanted = new Map<number, Wanted>();
  /** Files by their first name, for further ones. */
  readonly #first = new Map<string, SourceNode | Wanted>();
  readonly #writer: SpoolWriter;
  #files = 0;
  #entries = 0;
  #bytes = 0;

  constructor(place: ContextPlace, options: PackedOptions) {
    this.#place = place;
    this.#options = options;
    this.#writer = new SpoolWriter(place.spool);
  }

  async run(): Promise<SourceNode> {
    const { stream, trees } = this.#options;
    const messages = stream.messages[Symbol.asyncIterator]();
    const digest = createHash('sha256');
    const held: Buffer[] = [];
    for (let last = false; !last; ) {
      const message = await this.#next(messages);
      last = message[0] === directoryMessages.lastListing;
      if (!last && message[0] !== directoryMessages.listing) throw broken('the client sent contents before it had listed its files');
      digest.update(message);
      held.push(message);
      if (this.#bytes > mostHeld) for (const part of held.splice(0)) this.#read(part);
    }
    const listing = digest.digest('hex');
    const known = trees.find(this.#place.path, listing);
    if (known === undefined) {
      for (const part of held.splice(0)) this.#read(part);
      if (this.#way.length !== 1) throw broken('a directory of the listing has no end');
      await this.#take(messages);
      trees.keep(this.#place.path, listing, { root: this.#root, entries: this.#entries });
    } else stream.end();
    if ((await messages.next()).done !== true) throw broken('the client sent more than was asked for');
    return known ?? this.#root;
  }

  async #next(messages: AsyncIterator<Buffer>): Promise<Buffer> {
    const { done, value } = await messages.next();
    this.#options.signal.throwIfAborted();
    if (done === true) throw broken('the client stopped sending its files');
    this.#bytes += value.length;
    this.#options.onProgress(this.#bytes);
    return value;
  }

  #read(message: Buffer): void {
    for (const entry of readListing(message)) {
      if (entry === 'up') {
        if (this.#way.length === 1) throw broken('the listing leads out of its directory');
        this.#way.pop();
      } else this.#entry(entry);
    }
  }

  #entry(entry: ListedEntry): void {
    const { kind, name, mode, size, linkName } = entry;
    const within = this.#way.at(-1);
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) throw broken(`the client sent the name ${JSON.stringify(name)}, which leads out of its directory`);
    if (within === undefined || ++this.#entries > mostEntries) throw broken(`the directory has more than ${mostEntries} entries`);
    const { children } = within;
    const path = `${within.path}${name}`;
    const modified = { seconds: Number(entry.modified / billion), nanoseconds: Number(entry.modified % billion) };
    if (kind === 'directory') {
      const node: SourceNode = { ...directoryNode(), mode, modified };
      children.set(name, node);
      this.#way.push({ children: node.children, path: `${path}/` });
      return;
    }
    const place = (node: SourceNode): void => void children.set(name, node);
    if (kind === 'link') {
      const first = this.#first.get(linkName);
      if (first === undefined) throw broken(`the hard link ${path} leads to ${linkName}, which was not sent`);
      if ('settle' in first) first.settle.push(place);
      else place(first);
      return;
    }
    const nodeOf = (contents: Contents): SourceNode => leafNode({ kind, mode, modified, linkName, ...contents });
    if (kind !== 'file') return place(nodeOf({ size: 0, offset: 0, digest: '' }));
    const number = this.#files++;
    const known = this.#place.files.get(path);
    if (known?.stamp === entry.stamp) {
      const { size: length, offset, digest } = known;
      const node = nodeOf({ size: length, offset, digest });
      this.#first.set(path, node);
      return place(node);
    }
    if (!Number.isSafeInteger(size) || size < 0) throw broken(`the client sent the size ${size} of ${path}`);
    const wanted: Wanted = { path, size, stamp: entry.stamp, offset: this.#place.length, nodeOf, settle: [place], hash: undefined, received: 0 };
    this.#place.length += size;
    this.#first.set(path, wanted);
    this.#wanted.set(number, wanted);
  }

  /** Asks for what is missing and takes it. */
  async #take(messages: AsyncIterator<Buffer>): Promise<void> {
    const { stream } = this.#options;
    const numbers = [...this.#wanted.keys()];
    const asking = (async () => {
      for (let at = 0; at < numbers.length; at += mostAsked) await stream.send(packNumbers(numbers.slice(at, at + mostAsked)));
      stream.end();
    })();
    asking.catch(() => undefined);
    while (this.#wanted.size > 0) {
      const message = await this.#next(messages);
      if (message[0] !== directoryMessages.contents) throw broken('the client listed more files after the last');
      for (const piece of readPieces(message)) await this.#piece(piece);
    }
    await this.#writer.flush();
    await asking;
  }

  async #piece({ number, bytes, last }: FilePiece): Promise<void> {
    const wanted = this.#wanted.get(number);
    if (wanted === undefined) throw broken(`the client sent file ${number}, which was not asked for`);
    if (wanted.received + bytes.length > wanted.size) throw broken(`${wanted.path} grew while it was being sent`);
    const position = wanted.offset + wanted.received;
    wanted.received += bytes.length;
    let digest = '';
    if (last && wanted.hash === undefined) digest = hashAtOnce('sha256', bytes, 'hex');
    else {
      wanted.hash ??= createHash('sha256');
      wanted.hash.update(bytes);
      if (last) digest = wanted.hash.digest('hex');
    }
    if (!this.#writer.addNow(bytes, position)) await this.#writer.add(bytes, position);
    if (last) this.#settle(number, wanted, digest);
  }

  #settle(number: number, { path, stamp, offset, received, nodeOf, settle }: Wanted, digest: string): void {
    const contents = { size: received, offset, digest };
    const node = nodeOf(contents);
    for (const place of settle) place(node);
    this.#first.set(path, node);
    noteFile(this.#place, path, { stamp, ...contents });
    this.#wanted.delete(number);
  }
}
