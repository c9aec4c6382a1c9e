/**
 * A client's connection as the HTTP parser sees it: the socket behind {@link RequestFraming}. Errors of the socket
 * are its owner's to handle; here only its closing counts. A client that closes its sending half still gets the answers to what it asked; the requests' signals abort then, as
 * they do when it goes away.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { releaseBytes } from '#base/release-bytes.ts';
import type { Requester } from '#engine/containers/ending.ts';
import { peerCredentials } from '#kernel/peer-credentials.ts';
import { RequestFraming, type FramingRules, type HijackStyle } from './request-framing.ts';

export interface ConnectionRules extends FramingRules {
  /** Milliseconds a client may take for the head of a request it has begun. */
  readonly headTimeout: number;
}

/** Bytes of a piece whose memory is not left to the garbage collector. */
const worthReleasing = 16 * 1024;
/** Milliseconds, as in Go's server. */
const lingering = 500;

export class ClientConnection extends Duplex {
  readonly #socket: Socket;
  readonly #framing: RequestFraming;
  readonly #headTimeout: number;
  readonly #leaving = new Set<AbortController>();
  #headTimer: NodeJS.Timeout | undefined;
  #exchanges = 0;
  #begun = 0;
  #ended = false;
  #released = false;

  constructor(socket: Socket, rules: ConnectionRules) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#framing = new RequestFraming(rules);
    this.#headTimeout = rules.headTimeout;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
  }

  /** Whether nothing has been asked on it, not even half. */
  get unused(): boolean {
    return this.#begun === 0 && !this.#framing.inRequest;
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** How the request that takes over this connection asked for it; undefined before there is one. */
  get hijack(): HijackStyle | undefined {
    return this.#framing.hijack;
  }

  /** Who is at the other end. */
  requester(): Requester | undefined {
    const { remoteAddress, remotePort } = this.#socket;
    if (remoteAddress !== undefined) return { address: `${remoteAddress}:${remotePort ?? 0}` };
    return peerCredentials(this.#socket);
  }

  /** A request is being answered: the connection stays writable until {@link endExchange}. */
  beginExchange(): void {
    this.#begun++;
    this.#exchanges++;
  }

  endExchange(): void {
    this.#exchanges--;
    if (this.#ended && this.#exchanges === 0 && !this.readableEnded) this.push(null);
  }

  /** Aborts the controller when the client leaves, until {@link stopWatching}. */
  watchLeaving(controller: AbortController): void {
    this.#leaving.add(controller);
    if (this.#ended || this.#socket.destroyed) this.#leave();
  }

  stopWatching(controller: AbortController): void {
    this.#leaving.delete(controller);
  }

  /**
   * Gives the socket away, paused, with all that this side has read of it and not used in front.
   * @param unused what the parser took beyond the head
   */
  release(unused: Buffer): Socket {
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.pause();
    const parts = [unused];
    for (;;) {
      const part: unknown = this.read();
      if (!Buffer.isBuffer(part)) break;
      parts.push(part);
    }
    this.#released = true;
    clearTimeout(this.#headTimer);
    this.destroy();
    const rest = Buffer.concat(parts);
    if (rest.length > 0) socket.unshift(rest);
    return socket;
  }

  /**
   * The HTTP server's way to close after a last answer. A client that is still sending gets a moment to read
   * it: closing at once could take the answer away from it (RFC 9112 section 9.6).
   */
  destroySoon(): void {
    this.end(() => {
      setTimeout(() => this.destroy(), lingering).unref();
    });
  }

  override _read(): void {
    // Past the head that takes over, the rest stays in the socket for its new owner.
    if (this.#framing.hijack === undefined) this.#socket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: (error?: Error | null) => void): void {
    this.#socket.cork();
    for (const [place, { chunk, encoding }] of chunks.entries()) {
      this.#socket.write(chunk, encoding, place === chunks.length - 1 ? done : undefined);
    }
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#headTimer);
    if (!this.#released) this.#socket.destroy();
    this.#leave();
    done(error);
  }

  readonly #onData = (bytes: Buffer): void => {
    const passed = this.#framing.feed(bytes);
    if (this.#framing.hijack !== undefined) {
      // The parser gives the connection away in the middle of this push: nothing may come after it.
      this.#socket.pause();
      if (passed.length > 0) this.push(Buffer.concat(passed));
      return;
    }
    let room = true;
    for (const piece of passed) room = this.push(piece) && room;
    if (!room) this.#socket.pause();
    // The parser has copied what it gives on, and the framing keeps nothing of what has passed whole.
    if (bytes.length >= worthReleasing && passed.length === 1 && passed[0]?.length === bytes.length && this.readableLength === 0) releaseBytes(bytes);
    if (this.#framing.waiting) this.#headTimer ??= setTimeout(() => this.destroy(), this.#headTimeout).unref();
    else if (this.#headTimer !== undefined) {
      clearTimeout(this.#headTimer);
      this.#headTimer = undefined;
    }
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#leave();
    // In the middle of a request there is nothing to answer: the parser shall see it break off.
    if (this.#exchanges === 0 || this.#framing.inRequest) this.push(null);
  };

  readonly #onClose = (): void => {
    this.destroy();
  };

  #leave(): void {
    for (const controller of this.#leaving) controller.abort();
    this.#leaving.clear();
  }
}
