/** One request and its answer: the query, the address clients know us by, answers in JSON, and what the log wants to know. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Actor } from '../auth/access-rules.ts';
import { readBody, receiveBody } from './receive-body.ts';
import { Refusal } from './refusal.ts';
import type { Route } from './route.ts';

export interface ExchangeContext {
  readonly route: Route;
  readonly query: URLSearchParams;
  readonly origin: string;
  readonly actor: Actor;
  /** Bytes a second below which a body is given up. */
  readonly slowest: number;
  /** Told of the body's bytes as they come. */
  readonly onReceived: (bytes: number) => void;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly query: URLSearchParams;
  /** `https://registry.example:5000`. */
  readonly origin: string;
  readonly actor: Actor;
  readonly #slowest: number;
  readonly #onReceived: (bytes: number) => void;

  constructor(request: IncomingMessage, response: ServerResponse, context: ExchangeContext) {
    this.request = request;
    this.response = response;
    this.route = context.route;
    this.query = context.query;
    this.origin = context.origin;
    this.actor = context.actor;
    this.#slowest = context.slowest;
    this.#onReceived = context.onReceived;
  }

  get method(): string {
    return this.request.method ?? '';
  }

  get isHead(): boolean {
    return this.request.method === 'HEAD';
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Gives the body to `take` as it comes; ends with an error when the client falls silent or breaks off. */
  async receive(take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
    this.#letContinue();
    await receiveBody(this.request, this.#slowest, (chunk) => {
      this.#onReceived(chunk.length);
      return take(chunk);
    });
  }

  async readBody(limit: number, tooLarge: () => Refusal): Promise<Buffer> {
    this.#letContinue();
    const bytes = await readBody(this.request, { slowest: this.#slowest, limit, tooLarge });
    this.#onReceived(bytes.length);
    return bytes;
  }

  /** An answer without a body. */
  reply(status: number, headers: Readonly<Record<string, string | number>> = {}): void {
    this.response.writeHead(status, status === 204 ? { ...headers } : { 'Content-Length': 0, ...headers }).end();
  }

  replyJson(status: number, value: unknown, headers: Readonly<Record<string, string | string[]>> = {}): void {
    this.replyBytes(status, Buffer.from(JSON.stringify(value)), { 'Content-Type': 'application/json', ...headers });
  }

  /** Sends the length alone when only the head was asked for. */
  replyBytes(status: number, bytes: Buffer, headers: Readonly<Record<string, string | string[]>>): void {
    this.response.writeHead(status, { 'Content-Length': bytes.length, ...headers });
    this.response.end(this.isHead ? undefined : bytes);
  }

  /** Whether the client has the content already (RFC 9110, 13.1.2); then it is told so. */
  replyIfUnchanged(digest: string): boolean {
    const known = this.header('if-none-match');
    if (known === undefined || !known.split(',').some((tag) => ['*', `"${digest}"`, digest].includes(tag.trim().replace(/^W\//, '')))) return false;
    this.response.writeHead(304, { ETag: `"${digest}"`, 'Docker-Content-Digest': digest }).end();
    return true;
  }

  /** `n` and `last`. @throws PAGINATION_NUMBER_INVALID */
  page(most: number): { count: number; last: string | undefined; isLimited: boolean } {
    const text = this.query.get('n');
    const last = this.query.get('last') ?? undefined;
    if (text === null || text === '') return { count: most, last, isLimited: false };
    if (!/^\d{1,9}$/.test(text)) throw new Refusal('PAGINATION_NUMBER_INVALID', { detail: { n: text.slice(0, 64) } });
    return { count: Math.min(Number(text), most), last, isLimited: true };
  }

  /** The `Link` to the page after `last` (RFC 8288). */
  nextPage(path: string, parameters: Readonly<Record<string, string>>): string {
    return `<${path}?${new URLSearchParams(parameters).toString()}>; rel="next"`;
  }

  #letContinue(): void {
    if (/^100-continue$/i.test(this.header('expect') ?? '') && !this.response.headersSent) this.response.writeContinue();
  }
}
