/** A server of the API over the engine double on a socket of its own, and raw connections to it. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiServer } from '#api/api-server.ts';
import { EngineDouble } from './engine-double.ts';

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

export class ApiFixture implements AsyncDisposable {
  readonly engine = new EngineDouble();
  readonly log: LogLine[] = [];
  readonly path: string;
  readonly #directory: string;
  readonly #server;

  private constructor(directory: string, headTimeout: number | undefined) {
    this.#directory = directory;
    this.path = join(directory, 'api.sock');
    const note = (level: string) => (message: string): void => void this.log.push({ level, message });
    this.#server = createApiServer({ engine: this.engine, log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }, closingGrace: 500, ...(headTimeout === undefined ? {} : { headTimeout }) });
  }

  static async open({ headTimeout }: { headTimeout?: number } = {}): Promise<ApiFixture> {
    const fixture = new ApiFixture(await mkdtemp(join(tmpdir(), 'dhow-api-')), headTimeout);
    await fixture.#server.listen({ kind: 'unix', path: fixture.path });
    return fixture;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Closes the server alone. */
  async close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  connect(): RawClient {
    return new RawClient(connect({ path: this.path, allowHalfOpen: true }));
  }

  /** One request on a connection of its own. */
  async ask(method: string, target: string, body?: string | Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    using client = this.connect();
    client.request(method, target, body, headers);
    return await client.answer({ bodiless: method === 'HEAD' });
  }

  /** One request with a JSON body. */
  async post(target: string, body: unknown): Promise<Answer> {
    return await this.ask('POST', target, typeof body === 'string' ? body : JSON.stringify(body), { 'Content-Type': 'application/json' });
  }
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly head: string;
  readonly body: string;
}

/** A connection on which bytes are written and expected as they are. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  #arrived = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.socket = socket;
    const arrive = (): void => {
      this.#arrived.resolve();
      this.#arrived = Promise.withResolvers();
    };
    socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      arrive();
    });
    socket.on('end', () => {
      this.#ended = true;
      arrive();
    });
    socket.on('error', () => {
      this.#ended = true;
      arrive();
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  write(text: string | Buffer): void {
    this.socket.write(text);
  }

  request(method: string, target: string, body?: string | Buffer, headers: Readonly<Record<string, string>> = {}): void {
    const all = { Host: 'x', ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }), ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.write(Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), Buffer.from(body ?? '')]));
  }

  /** Takes `count` bytes, or all up to the end of the stream. */
  async take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count && !this.#ended) await this.#arrived.promise;
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(taken.length);
    return taken;
  }

  /** Takes all up to and with `mark`. */
  async takeThrough(mark: string): Promise<string> {
    for (;;) {
      const at = this.#bytes.indexOf(mark);
      if (at >= 0) return (await this.take(at + Buffer.byteLength(mark))).toString();
      if (this.#ended) throw new Error(`the stream ended without ${JSON.stringify(mark)}: ${JSON.stringify(this.#bytes.toString())}`);
      await this.#arrived.promise;
    }
  }

  /** Takes all to the end of the stream. */
  async takeRest(): Promise<Buffer> {
    while (!this.#ended) await this.#arrived.promise;
    return await this.take(this.#bytes.length);
  }

  async head(): Promise<Omit<Answer, 'body'>> {
    const head = await this.takeThrough('\r\n\r\n');
    const [first = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    return { head, headers, status: Number(first.split(' ')[1]) };
  }

  async chunk(): Promise<Buffer> {
    const size = Number.parseInt(await this.takeThrough('\r\n'), 16);
    const content = await this.take(size);
    await this.takeThrough('\r\n');
    return content;
  }

  async answer({ bodiless = false }: { readonly bodiless?: boolean } = {}): Promise<Answer> {
    const head = await this.head();
    if (bodiless || head.status === 204 || head.status === 304) return { ...head, body: '' };
    if (head.headers.get('transfer-encoding') === 'chunked') {
      const chunks: Buffer[] = [];
      for (;;) {
        const content = await this.chunk();
        if (content.length === 0) return { ...head, body: Buffer.concat(chunks).toString() };
        chunks.push(content);
      }
    }
    const length = head.headers.get('content-length');
    return { ...head, body: (await (length === undefined ? this.takeRest() : this.take(Number(length)))).toString() };
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}
