/**
 * The answer to one request: headers as Docker sends them, a body at once or in pieces, with
 * back-pressure. Once a byte is out, an error can only be told inside the stream.
 */
import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { messageOf } from '#base/errors/failure.ts';
import { encodeJson } from './body/encode-json.ts';
import { errorStatus } from './error-status.ts';

export class Reply {
  #givenUp = false;
  readonly #response: ServerResponse;
  readonly #standardHeaders: readonly string[];

  /** @param standardHeaders names and values by turns, in front of all others */
  constructor(response: ServerResponse, standardHeaders: readonly string[]) {
    this.#response = response;
    this.#standardHeaders = standardHeaders;
    // Go's server does not announce what HTTP/1.1 implies.
    response.removeHeader('Connection');
  }

  /** Whether the status is out. */
  get started(): boolean {
    return this.#response.headersSent;
  }

  json(status: number, value: unknown, escaping: 'plain' | 'html' = 'plain'): void {
    this.body(status, 'application/json', encodeJson(value, escaping));
  }

  body(status: number, contentType: string, content: string, extraHeaders: readonly string[] = []): void {
    const bytes = Buffer.from(content);
    // 304 has no body, though Docker names the type of the one it would have.
    const length = status === 304 ? [] : ['Content-Length', String(bytes.length)];
    this.#response.writeHead(status, [...this.#standardHeaders, ...extraHeaders, 'Content-Type', contentType, ...length]);
    this.#response.end(status === 304 ? undefined : bytes);
  }

  empty(status: number, extraHeaders: readonly string[] = []): void {
    const length = status === 204 || status === 304 ? [] : ['Content-Length', '0'];
    this.#response.writeHead(status, [...this.#standardHeaders, ...extraHeaders, ...length]);
    this.#response.end();
  }

  /** For HEAD: says nothing of the body there would be. */
  head(status: number, extraHeaders: readonly string[]): void {
    this.#response.writeHead(status, [...this.#standardHeaders, ...extraHeaders]);
    this.#response.end();
  }

  /** `{"message": …}` with the status of the error's kind. A request whose body has not come whole is the connection's last. */
  error(error: unknown): void {
    const closing = this.#response.req.complete ? [] : ['Connection', 'close'];
    this.body(errorStatus(error), 'application/json', encodeJson({ message: messageOf(error) }), closing);
  }

  /** Sends status and headers now. Some of Docker's streams do not say what they are. */
  begin(status: number, contentType: string | undefined, extraHeaders: readonly string[] = []): void {
    const type = contentType === undefined ? [] : ['Content-Type', contentType];
    this.#response.writeHead(status, [...this.#standardHeaders, ...extraHeaders, ...type]);
    this.#response.flushHeaders();
  }

  /** Resolves when there is room for more. @throws the signal's reason when the client has gone */
  async write(chunk: string | Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#response.write(chunk)) await once(this.#response, 'drain', { signal });
  }

  end(): void {
    if (this.#givenUp) this.cut();
    else this.#response.end();
  }

  /** A stream that ends from now on does so because its server does: it is cut, so that the client does not take it for whole. */
  giveUp(): void {
    this.#givenUp = true;
  }

  /** Breaks the connection: what was sent is not all, and the client shall know. */
  cut(): void {
    this.#response.destroy();
  }
}
