/**
 * A request that may take over its connection, after the HTTP parser has given the connection away: its body
 * is still to be read off the socket, its answer is written by hand, and when it was only answered the
 * socket goes back to serve more requests.
 */
import { once } from 'node:events';
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import type { JsonDocument } from '#base/json-document.ts';
import { checkJsonType, hasBody, jsonLimit, type JsonBodyRules } from '../body/read-body.ts';
import { encodeJson } from '../body/encode-json.ts';
import { parseJson } from '../body/parse-json.ts';
import { errorStatus } from '../error-status.ts';
import type { Hijack } from '../exchange.ts';
import { ChunkedBody } from './chunked-body.ts';
import type { HijackStyle } from './request-framing.ts';
import { watchDeparture } from './watch-departure.ts';
import { handshakeAnswer, handshakeProblem, WebSocketStream, type WebSocketOptions } from './web-socket.ts';
import { rawStream } from '../stream-types.ts';

export interface HijackedParts {
  readonly socket: Socket;
  readonly headers: IncomingMessage['headers'];
  readonly style: HijackStyle;
  readonly standardHeaders: readonly string[];
  readonly signal: AbortSignal;
  readonly onFault: (error: unknown) => void;
}



/** Bytes of a body that are read for nothing rather than to close the connection, as in Go's server. */
const discardLimit = 256 * 1024;

export class HijackedRequest implements Hijack {
  readonly upgrade: boolean;
  readonly protocol: string;
  readonly signal: AbortSignal;
  readonly headers: IncomingMessage['headers'];
  readonly #parts: HijackedParts;
  #bodyRead = false;
  #state: 'open' | 'answered' | 'taken' = 'open';

  constructor(parts: HijackedParts) {
    this.#parts = parts;
    this.upgrade = parts.style.upgrade;
    this.protocol = parts.style.protocol;
    this.signal = parts.signal;
    this.headers = parts.headers;
  }

  report(error: unknown): void {
    this.#parts.onFault(error);
  }

  /** Whether the connection is a stream now, and no longer ours. */
  get taken(): boolean {
    return this.#state === 'taken';
  }

  /**
   * Makes the connection ready for another request, where it was only answered and need not be closed.
   * @returns whether it is
   */
  async finish(): Promise<boolean> {
    if (this.#state !== 'answered' || !this.#reusable) return false;
    try {
      if (!this.#bodyRead && hasBody(this.#parts.headers)) await this.#body();
    } catch (error) {
      // A body that does not come whole leaves nothing to read a request from.
      if (!isFailure(error, 'api.invalid_json') && !isFailure(error, 'api.malformed_body')) throw error;
      return false;
    }
    return !this.#parts.socket.destroyed;
  }

  get #reusable(): boolean {
    const { headers, style } = this.#parts;
    // A body that nobody wanted is read off only where that is little work.
    return !style.closing && (this.#bodyRead || !hasBody(headers) || Number(headers['content-length'] ?? Infinity) <= discardLimit);
  }

  async json(rules: JsonBodyRules): Promise<JsonDocument> {
    const { headers } = this.#parts;
    checkJsonType(headers);
    if (!hasBody(headers) && rules.optional) return null;
    const body = await this.#body();
    return parseJson(body.toString('utf8'));
  }

  answer(status: number): void {
    this.#respond(status, ['Content-Length', '0'], '');
  }

  /** An ordinary error reply. */
  fail(error: unknown): void {
    this.reply(errorStatus(error), ['Content-Type', 'application/json'], encodeJson({ message: messageOf(error) }));
  }

  reply(status: number, headers: readonly string[], body: string): void {
    this.#respond(status, [...headers, 'Content-Length', String(Buffer.byteLength(body))], body);
  }

  take(contentType: string, { standardHeaders, protocol }: { readonly standardHeaders: boolean; readonly protocol?: string }): Socket {
    this.#state = 'taken';
    const { socket } = this.#parts;
    this.#dropBody();
    if (protocol !== undefined) {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
      return socket;
    }
    const first = this.upgrade ? ['HTTP/1.1 101 UPGRADED', `Content-Type: ${contentType}`, 'Connection: Upgrade', 'Upgrade: tcp'] : ['HTTP/1.1 200 OK', `Content-Type: ${rawStream}`];
    watchDeparture(socket);
    socket.write(`${[...first, ...lines(standardHeaders ? this.#parts.standardHeaders : [])].join('\r\n')}\r\n\r\n`);
    return socket;
  }

  webSocket(options: WebSocketOptions): Duplex | undefined {
    this.#state = 'taken';
    const { socket, headers, style } = this.#parts;
    const problem = handshakeProblem('GET', headers, style.webSocket);
    if (problem !== undefined) {
      socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${problem}`);
      return undefined;
    }
    watchDeparture(socket);
    socket.write(handshakeAnswer(headers));
    return new WebSocketStream(socket, options);
  }

  refuse(error: unknown): void {
    this.#state = 'taken';
    const status = errorStatus(error);
    const { socket } = this.#parts;
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${rawStream}\r\n\r\n${messageOf(error)}\r\n`);
  }

  #respond(status: number, headers: readonly string[], body: string): void {
    this.#state = 'answered';
    const closing = this.#reusable ? [] : ['Connection: close'];
    const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines(this.#parts.standardHeaders), `Date: ${new Date().toUTCString()}`, ...lines(headers), ...closing];
    this.#parts.socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }

  /** A body that came with the head and that nobody asked for is no part of the stream, as in Docker. */
  #dropBody(): void {
    const { socket, headers } = this.#parts;
    const length = this.#bodyRead ? 0 : Number(headers['content-length'] ?? 0);
    const bytes: unknown = length > 0 ? socket.read() : null;
    if (Buffer.isBuffer(bytes) && bytes.length > length) socket.unshift(bytes.subarray(length));
  }

  async #body(): Promise<Buffer> {
    const { socket, headers } = this.#parts;
    if (headers.expect?.toLowerCase() === '100-continue') socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    const reader = bodyReader(headers);
    while (!reader.done) {
      const bytes: unknown = socket.read();
      if (Buffer.isBuffer(bytes)) {
        const rest = reader.take(bytes);
        if (rest.length > 0) socket.unshift(rest);
        continue;
      }
      if (socket.readableEnded || socket.destroyed) throw fail('api.invalid_json', { reason: 'unexpected EOF' });
      await nextRead(socket);
    }
    this.#bodyRead = true;
    return reader.content();
  }
}

function lines(headers: readonly string[]): string[] {
  const result: string[] = [];
  for (let place = 0; place + 1 < headers.length; place += 2) result.push(`${headers[place]}: ${headers[place + 1]}`);
  return result;
}

/** Waits until the socket has something to read, or nothing more ever. */
async function nextRead(socket: Socket): Promise<void> {
  const settled = new AbortController();
  try {
    await Promise.race(['readable', 'end', 'close'].map((name) => once(socket, name, { signal: settled.signal })));
  } finally {
    settled.abort();
  }
}

interface BodyReader {
  readonly done: boolean;
  /** @returns what lies behind the body. @throws api.body_too_large, api.malformed_body */
  take(bytes: Buffer): Buffer;
  content(): Buffer;
}

function bodyReader(headers: IncomingMessage['headers']): BodyReader {
  const parts: Buffer[] = [];
  let size = 0;
  const keep = (content: Buffer): void => {
    size += content.length;
    if (size > jsonLimit) throw fail('api.body_too_large', { limit: jsonLimit });
    parts.push(content);
  };
  const content = (): Buffer => Buffer.concat(parts);
  if (headers['transfer-encoding'] !== undefined) {
    const chunked = new ChunkedBody();
    return {
      get done() {
        return chunked.done;
      },
      take(bytes) {
        const count = chunked.follow(bytes, keep);
        if (chunked.broken) throw fail('api.malformed_body', { reason: 'its chunks are not in the form of chunked transfer coding' });
        return bytes.subarray(count);
      },
      content,
    };
  }
  const length = Number(headers['content-length'] ?? 0);
  if (length > jsonLimit) throw fail('api.body_too_large', { limit: jsonLimit });
  return {
    get done() {
      return size >= length;
    },
    take(bytes) {
      const count = Math.min(bytes.length, length - size);
      keep(bytes.subarray(0, count));
      return bytes.subarray(count);
    },
    content,
  };
}
