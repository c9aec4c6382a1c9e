/**
 * Finds the heads of the requests on a connection, so that a request that wants the connection as a raw
 * stream without naming an upgrade (Docker's older style, `POST …/attach` as curl sends it) can be given to
 * the HTTP parser as an upgrade: `node:http` gives connections away for upgrades only. Heads are held back
 * until they are whole; bodies pass. Text it cannot follow passes unchanged, for the parser to refuse.
 */
import { ChunkedBody } from './chunked-body.ts';

/** What was asked of the connection before the head was rewritten. */
export interface HijackStyle {
  /** The client sent an `Upgrade` header. */
  readonly upgrade: boolean;
  /** It asked for a WebSocket. */
  readonly webSocket: boolean;
  /** What it named, in small letters; empty: nothing. */
  readonly protocol: string;
  /** The connection ends with this request if it is not taken. */
  readonly closing: boolean;
}

export interface FramingRules {
  /** Whether a request takes over its connection. */
  readonly isHijack: (method: string, target: string) => boolean;
  /** Bytes a head may have. */
  readonly headLimit: number;
}

const headEnd = Buffer.from('\r\n\r\n');

export class RequestFraming {
  /** Set once a head that takes over the connection has passed: everything after it is not HTTP. */
  hijack: HijackStyle | undefined;
  readonly #rules: FramingRules;
  #phase: 'head' | 'length' | 'chunked' | 'opaque' = 'head';
  #held: Buffer[] = [];
  #heldSize = 0;
  #remaining = 0;
  #chunked = new ChunkedBody();

  constructor(rules: FramingRules) {
    this.#rules = rules;
  }

  /** Whether the beginning of a head is held back. */
  get waiting(): boolean {
    return this.#held.length > 0;
  }

  /** Whether a request has begun whose body or head has not come whole. */
  get inRequest(): boolean {
    return this.waiting || this.#phase === 'length' || this.#phase === 'chunked';
  }

  /** Takes what arrived. @returns what shall go on to the parser */
  feed(bytes: Buffer): Buffer[] {
    const passed: Buffer[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      const count = this.#step(rest, passed);
      rest = rest.subarray(count);
    }
    return passed;
  }

  /** @returns how many bytes are dealt with */
  #step(bytes: Buffer, passed: Buffer[]): number {
    switch (this.#phase) {
      case 'opaque':
        passed.push(bytes);
        return bytes.length;
      case 'length': {
        const count = Math.min(this.#remaining, bytes.length);
        passed.push(bytes.subarray(0, count));
        this.#remaining -= count;
        if (this.#remaining === 0) this.#phase = 'head';
        return count;
      }
      case 'chunked': {
        const count = this.#chunked.follow(bytes);
        passed.push(bytes.subarray(0, count));
        if (this.#chunked.broken) this.#phase = 'opaque';
        else if (this.#chunked.done) this.#phase = 'head';
        return count;
      }
      default:
        return this.#head(bytes, passed);
    }
  }

  #head(bytes: Buffer, passed: Buffer[]): number {
    // Empty lines between requests are allowed, and nothing to wait for (RFC 9112 section 2.2).
    if (this.#held.length === 0 && (bytes[0] === 0x0d || bytes[0] === 0x0a)) return 1;
    const held = this.#heldSize;
    // Joined only when the end may have come: a head that comes byte by byte must not cost its square.
    const mayEnd = bytes.includes(headEnd[1] ?? 0);
    const whole = mayEnd && held > 0 ? Buffer.concat([...this.#held, bytes]) : bytes;
    const end = mayEnd ? whole.indexOf(headEnd, Math.max(0, held - headEnd.length + 1)) : -1;
    if (end < 0) {
      this.#held.push(bytes);
      this.#heldSize += bytes.length;
      if (this.#heldSize > this.#rules.headLimit) this.#giveUp(passed);
      return bytes.length;
    }
    this.#release();
    const size = end + headEnd.length;
    const head = whole.toString('latin1', 0, size);
    const [, method, target] = /^([A-Z]+) ([^ \r\n]+) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
    if (method === undefined || target === undefined) {
      passed.push(whole.subarray(0, size));
      this.#phase = 'opaque';
    } else if (this.#rules.isHijack(method, target)) {
      this.hijack = {
        upgrade: /\r\nupgrade[ \t]*:/i.test(head),
        webSocket: /\r\nupgrade[ \t]*:[ \t]*websocket[ \t]*\r\n/i.test(head) && /\r\nconnection[ \t]*:[^\r\n]*\bupgrade\b/i.test(head),
        protocol: (/\r\nupgrade[ \t]*:[ \t]*([^\r\n]*)/i.exec(head)?.[1] ?? '').trim().toLowerCase(),
        closing: /\r\nconnection[ \t]*:[^\r\n]*\bclose\b/i.test(head) || /^[^\r\n]+ HTTP\/1\.0\r\n/.test(head),
      };
      const others = head.slice(0, -2).replaceAll(/\r\n(?:connection|upgrade)[ \t]*:[^\r\n]*(?=\r\n)/gi, '');
      passed.push(Buffer.from(`${others}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`, 'latin1'));
      this.#phase = 'opaque';
    } else {
      passed.push(whole.subarray(0, size));
      this.#phase = this.#bodyPhase(head);
    }
    return size - held;
  }

  #giveUp(passed: Buffer[]): void {
    passed.push(...this.#held);
    this.#release();
    this.#phase = 'opaque';
  }

  #release(): void {
    this.#held = [];
    this.#heldSize = 0;
  }

  #bodyPhase(head: string): 'head' | 'length' | 'chunked' | 'opaque' {
    const [, coding] = /\r\ntransfer-encoding[ \t]*:[ \t]*([^\r\n]*)/i.exec(head) ?? [];
    if (coding !== undefined) {
      if (!/^chunked[ \t]*$/i.test(coding)) return 'opaque';
      this.#chunked = new ChunkedBody();
      return 'chunked';
    }
    const [, length] = /\r\ncontent-length[ \t]*:[ \t]*([^\r\n]*)/i.exec(head) ?? [];
    if (length === undefined) return 'head';
    if (!/^\d{1,15}[ \t]*$/.test(length)) return 'opaque';
    this.#remaining = Number(length);
    return this.#remaining === 0 ? 'head' : 'length';
  }
}
