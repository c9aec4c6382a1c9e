/** One request and the means to answer it, as the endpoints get them. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JsonDocument } from '#base/json-document.ts';
import type { Requester } from '#engine/containers/ending.ts';
import type { Engine } from '#engine/contract.ts';
import { ClientConnection } from './connection/client-connection.ts';
import { readJson, type JsonBodyRules } from './body/read-body.ts';
import type { WebSocketOptions } from './connection/web-socket.ts';
import type { Reply } from './reply.ts';
import type { ApiVersion } from './requests/api-version.ts';
import { Query } from './requests/query.ts';

/** Where a request goes and what it asks with. */
export class Call {
  readonly engine: Engine;
  readonly version: ApiVersion;
  /** What the path's `{name}` stands for; empty where the path has none. */
  readonly name: string;
  readonly #queryText: string;
  #query: Query | undefined;

  constructor(engine: Engine, version: ApiVersion, target: { readonly name: string; readonly query: string }) {
    this.engine = engine;
    this.version = version;
    this.name = target.name;
    this.#queryText = target.query;
  }

  /** @throws api.invalid_parameter for wrong escapes */
  get query(): Query {
    return (this.#query ??= new Query(this.#queryText));
  }
}

/** What a signal aborts for: the server's closing always, the client's leaving too or not. */
export type SignalMaker = (until: 'left' | 'closed') => AbortSignal;

/** A request answered by an ordinary response. */
export class Exchange {
  readonly call: Call;
  readonly request: IncomingMessage;
  readonly reply: Reply;
  readonly #makeSignal: SignalMaker;
  #signal: AbortSignal | undefined;
  #lasting: AbortSignal | undefined;

  constructor(call: Call, request: IncomingMessage, reply: Reply, makeSignal: SignalMaker) {
    this.call = call;
    this.request = request;
    this.reply = reply;
    this.#makeSignal = makeSignal;
  }

  /** Aborts when the client goes away. */
  get signal(): AbortSignal {
    return (this.#signal ??= this.#makeSignal('left'));
  }

  /** For what shall be finished once begun, whether or not the client waits for it: aborts only when the server closes. */
  get lasting(): AbortSignal {
    return (this.#lasting ??= this.#makeSignal('closed'));
  }

  /** Who asks, as far as the connection tells. */
  get requester(): Requester | undefined {
    const connection: unknown = this.request.socket;
    return connection instanceof ClientConnection ? connection.requester() : undefined;
  }

  /** @throws api.invalid_json and its like */
  json(rules: JsonBodyRules): Promise<JsonDocument> {
    return readJson(this.request.headers, this.request, rules);
  }
}

/** Serves an endpoint. What it throws before the reply has started becomes an error reply. */
export type Handler = (exchange: Exchange, call: Call) => Promise<void> | void;

/** A request whose connection becomes a stream of bytes both ways. */
export interface Hijack {
  /** Whether the client asked for an upgrade; otherwise it expects a plain 200. */
  readonly upgrade: boolean;
  /** Aborts when the server closes. */
  readonly signal: AbortSignal;
  /** @throws api.invalid_json and its like */
  json(rules: JsonBodyRules): Promise<JsonDocument>;
  /** Answers as to any request; the connection goes on to serve others. */
  answer(status: number): void;
  /** The protocol the client asked to go on with, in small letters; empty: none. */
  readonly protocol: string;
  readonly headers: IncomingMessage['headers'];
  /** Sends the head that ends HTTP on this connection and gives the connection, paused. `protocol`: what it is from now on, where that is not raw bytes; it then has no type. */
  take(contentType: string, options: { readonly standardHeaders: boolean; readonly protocol?: string }): Duplex;
  /** Tells the daemon's log of a bug that is no answer to the client. */
  report(error: unknown): void;
  /** Answers the request for a WebSocket and gives its bytes; undefined: it was none, and is refused. */
  webSocket(options: WebSocketOptions): Duplex | undefined;
  /** Ends the connection with a head and an error's text in the style of Docker's attach. */
  refuse(error: unknown): void;
}

/** Serves such an endpoint. What it throws before the connection is taken becomes an error reply. */
export type HijackHandler = (hijack: Hijack, call: Call) => Promise<void>;
