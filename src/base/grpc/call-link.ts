/**
 * Calls as gRPC has them, both ways over one connection and without HTTP/2, which takes longer to load than most builds
 * to be found again. A frame is the length of its payload, a kind and the call's number; every call's messages are
 * held back by the reader's room, so that one that is not read holds up no other.
 */
import type { Duplex } from 'node:stream';
import { exchangeOne, largestMessage, type CallMetadata, type GrpcCaller, type GrpcCallOptions, type GrpcMethods, type GrpcStream } from './grpc-call.ts';
import { GrpcError, statusCodes } from './grpc-status.ts';

/** What a connection goes on with, as `Upgrade` names it. */
export const linkProtocol = 'dhow-calls';

export interface CallLinkOptions {
  /** One end opens calls of odd numbers, the other of even ones. */
  readonly side: 'client' | 'daemon';
  readonly methods: GrpcMethods;
  /** Told of what is a bug rather than the status of a call. */
  readonly onFault: (error: unknown, path: string) => void;
}

const kinds = { open: 1, message: 2, end: 3, status: 4, cancel: 5, room: 6 } as const;
const headerLength = 9;
/** Bytes of one call that may be on their way unread. */
const window = 1024 * 1024;
/** Bytes that are read before the other end is told. */
const roomStep = window / 4;
/** Payloads from this size on are written as they are instead of being copied together. */
const worthAlone = 16 * 1024;
const batchSize = 64 * 1024;

interface Opening {
  readonly path: string;
  readonly metadata: CallMetadata;
}

interface Ending {
  readonly code: number;
  readonly message: string;
  /** In base64. */
  readonly details?: string | undefined;
}

/** One call, as either end sees it. */
class Conversation {
  readonly #link: Frames;
  readonly id: number;
  /** Aborts when the other end is gone or gave the call up. */
  readonly stop = new AbortController();
  readonly #inbox: Buffer[] = [];
  #wake: (() => void) | undefined;
  #roomWaiters: (() => void)[] = [];
  #room = window;
  #held = 0;
  #consumed = 0;
  #over = false;
  /** What reading ends with; undefined: well. */
  #failure: GrpcError | undefined;

  constructor(link: Frames, id: number) {
    this.#link = link;
    this.id = id;
  }

  /** Answers whether there was room for it. */
  take(message: Buffer): boolean {
    if (this.#over) return true;
    this.#held += message.length;
    this.#inbox.push(message);
    this.#wake?.();
    return this.#held <= window + largestMessage;
  }

  /** No more comes from the other end. */
  finish(failure?: GrpcError): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#wake?.();
  }

  gainRoom(bytes: number): void {
    this.#room += bytes;
    if (this.#room > 0) for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  async send(message: Uint8Array): Promise<void> {
    this.#room -= message.length;
    const drained = this.#link.write(kinds.message, this.id, message);
    if (drained !== undefined) await drained;
    if (this.#room <= 0 && !this.#link.closed && !this.stop.signal.aborted) await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
  }

  async *messages(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message === undefined) {
        if (this.#over) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        continue;
      }
      this.#held -= message.length;
      this.#consumed += message.length;
      if (this.#consumed >= roomStep) {
        const bytes = Buffer.allocUnsafe(4);
        bytes.writeUInt32BE(this.#consumed);
        this.#consumed = 0;
        void this.#link.write(kinds.room, this.id, bytes);
      }
      yield message;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The other end reads no more: whoever waits for room shall go on and find the end. */
  deafen(): void {
    this.#room = Infinity;
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  abort(reason: GrpcError): void {
    this.stop.abort(reason);
    this.finish(reason);
    this.deafen();
  }
}

/** Writes frames, those of one turn of the event loop together. */
class Frames {
  readonly #connection: Duplex;
  #waiting: Buffer[] = [];
  #size = 0;
  #drained: Promise<void> | undefined;

  constructor(connection: Duplex) {
    this.#connection = connection;
  }

  get closed(): boolean {
    return this.#connection.destroyed || this.#connection.writableEnded;
  }

  /** Answers what to wait for before more is written; undefined: nothing. */
  write(kind: number, id: number, payload: Uint8Array): Promise<void> | undefined {
    if (this.#size === 0) process.nextTick(() => this.flush());
    const alone = payload.length >= worthAlone;
    const frame = Buffer.allocUnsafe(headerLength + (alone ? 0 : payload.length));
    frame.writeUInt32BE(payload.length, 0);
    frame[4] = kind;
    frame.writeUInt32BE(id, 5);
    if (!alone) frame.set(payload, headerLength);
    this.#waiting.push(frame);
    if (alone) this.#waiting.push(Buffer.isBuffer(payload) ? payload : Buffer.from(payload));
    this.#size += headerLength + payload.length;
    if (this.#size >= batchSize) this.flush();
    return this.#drained;
  }

  flush(): void {
    const pieces = this.#waiting;
    if (pieces.length === 0) return;
    this.#waiting = [];
    this.#size = 0;
    if (this.closed) return;
    let room = true;
    for (let start = 0; start < pieces.length; ) {
      let end = start;
      while (end < pieces.length && (pieces[end]?.length ?? 0) < worthAlone) end++;
      const [first] = pieces.slice(start, start + 1);
      const piece = end - start > 1 ? Buffer.concat(pieces.slice(start, end)) : first;
      start = Math.max(end, start + 1);
      if (piece !== undefined) room = this.#connection.write(piece);
    }
    if (room || this.#drained !== undefined) return;
    this.#drained = new Promise((resolve) => {
      const done = (): void => {
        this.#connection.off('drain', done);
        this.#connection.off('close', done);
        this.#drained = undefined;
        resolve();
      };
      this.#connection.once('drain', done);
      this.#connection.once('close', done);
    });
  }
}

export class CallLink implements GrpcCaller {
  readonly #connection: Duplex;
  readonly #frames: Frames;
  readonly #options: CallLinkOptions;
  readonly #opened = new Map<number, Conversation>();
  readonly #served = new Map<number, Conversation>();
  readonly #gone = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #next: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(connection: Duplex, options: CallLinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#frames = new Frames(connection);
    this.#next = options.side === 'client' ? 1 : 2;
    connection.on('error', () => undefined);
    for (const event of ['end', 'close']) connection.once(event, () => this.#leave());
    connection.on('data', (chunk: Buffer) => {
      try {
        this.#read(chunk);
      } catch (error) {
        // Text that is no JSON.
        if (!(error instanceof SyntaxError)) this.#options.onFault(error, '');
        this.#break();
      }
    });
    connection.resume();
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Waits until the calls that this end serves have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  call(path: string, { signal, metadata = {} }: GrpcCallOptions): GrpcStream {
    signal.throwIfAborted();
    this.#gone.signal.throwIfAborted();
    const id = this.#next;
    this.#next += 2;
    const conversation = new Conversation(this.#frames, id);
    this.#opened.set(id, conversation);
    void this.#frames.write(kinds.open, id, Buffer.from(JSON.stringify({ path, metadata })));
    const stop = (): void => {
      if (!this.#opened.delete(id)) return;
      void this.#frames.write(kinds.cancel, id, Buffer.alloc(0));
      conversation.abort(new GrpcError(statusCodes.cancelled, 'context canceled'));
    };
    signal.addEventListener('abort', stop, { once: true });
    const messages = messagesOf(conversation, { signal, release: () => {
      signal.removeEventListener('abort', stop);
      stop();
    } });
    return {
      messages,
      batches: eachAlone(messages),
      send: async (message) => {
        await conversation.send(message);
        signal.throwIfAborted();
      },
      end: () => void this.#frames.write(kinds.end, id, Buffer.alloc(0)),
    };
  }

  async unary(path: string, request: Uint8Array, options: GrpcCallOptions): Promise<Buffer> {
    return await exchangeOne(this.call(path, options), path, request);
  }

  [Symbol.dispose](): void {
    this.#frames.flush();
    this.#leave();
    this.#connection.destroy();
  }

  #read(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= headerLength) {
      const first = this.#parts[0] ?? chunk;
      const head = first.length >= headerLength ? first : this.#joined();
      const size = head.readUInt32BE(0);
      if (size > largestMessage + headerLength) return this.#break();
      if (this.#length < headerLength + size) return;
      const all = head.length >= headerLength + size ? head : this.#joined();
      const rest = all.subarray(headerLength + size);
      if (rest.length > 0) this.#parts[0] = rest;
      else this.#parts.shift();
      this.#length -= headerLength + size;
      this.#frame(all[4] ?? 0, all.readUInt32BE(5), all.subarray(headerLength, headerLength + size));
    }
  }

  /** All that waits as one piece. */
  #joined(): Buffer {
    const all = Buffer.concat(this.#parts, this.#length);
    this.#parts = [all];
    return all;
  }

  #frame(kind: number, id: number, payload: Buffer): void {
    const own = id % 2 === (this.#options.side === 'client' ? 1 : 0);
    if (kind === kinds.open) {
      if (own || this.#served.has(id)) return this.#break();
      const opening = JSON.parse(payload.toString('utf8')) as Opening;
      const conversation = new Conversation(this.#frames, id);
      this.#served.set(id, conversation);
      const running: Promise<void> = this.#serve(conversation, opening).finally(() => this.#running.delete(running));
      this.#running.add(running);
      return;
    }
    // A call may have ended here while the other end still spoke.
    const conversation = (own ? this.#opened : this.#served).get(id);
    if (conversation === undefined) return;
    if (kind === kinds.message) {
      if (!conversation.take(payload)) this.#break();
    }
    else if (kind === kinds.room && payload.length === 4) conversation.gainRoom(payload.readUInt32BE(0));
    else if (kind === kinds.end && !own) conversation.finish();
    else if (kind === kinds.cancel && !own) conversation.abort(new GrpcError(statusCodes.cancelled, 'context canceled'));
    else if (kind === kinds.status && own) {
      this.#opened.delete(id);
      const { code, message, details } = JSON.parse(payload.toString('utf8')) as Ending;
      conversation.deafen();
      conversation.finish(code === statusCodes.ok ? undefined : new GrpcError(code, message, { details: details === undefined ? undefined : Buffer.from(details, 'base64') }));
    } else this.#break();
  }

  async #serve(conversation: Conversation, { path, metadata }: Opening): Promise<void> {
    const { id, stop } = conversation;
    let ending: Ending = { code: statusCodes.ok, message: '' };
    try {
      const method = this.#options.methods.get(path);
      if (method === undefined) throw new GrpcError(statusCodes.unimplemented, `unknown method ${path}`);
      await method({
        metadata: { ...metadata, ':path': path },
        values: (name) => [metadata[name] ?? []].flat(),
        messages: conversation.messages(),
        signal: stop.signal,
        send: async (message) => {
          stop.signal.throwIfAborted();
          await conversation.send(message);
        },
      });
    } catch (error) {
      if (!(error instanceof GrpcError) && !stop.signal.aborted) this.#options.onFault(error, path);
      ending = error instanceof GrpcError
        ? { code: error.code, message: error.message, details: error.details?.toString('base64') }
        : { code: statusCodes.unknown, message: error instanceof Error ? error.message : String(error) };
    }
    this.#served.delete(id);
    conversation.finish();
    if (!stop.signal.aborted) void this.#frames.write(kinds.status, id, Buffer.from(JSON.stringify(ending)));
  }

  /** What is no frame leaves nothing to go on with. */
  #break(): void {
    this.#leave();
    this.#connection.destroy();
  }

  #leave(): void {
    if (this.#gone.signal.aborted) return;
    const reason = new GrpcError(statusCodes.unavailable, 'the connection of the session was closed');
    this.#gone.abort(reason);
    for (const conversation of [...this.#opened.values(), ...this.#served.values()]) conversation.abort(reason);
    this.#opened.clear();
    this.#served.clear();
  }
}

/** Room is given back by the message. */
async function* eachAlone(messages: AsyncIterable<Buffer>): AsyncGenerator<Buffer[], void> {
  for await (const message of messages) yield [message];
}

async function* messagesOf(conversation: Conversation, { signal, release }: { signal: AbortSignal; release: () => void }): AsyncGenerator<Buffer, void> {
  try {
    yield* conversation.messages();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    release();
  }
  signal.throwIfAborted();
}
